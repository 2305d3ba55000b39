"""Identity tokens: where they come from, and what is wrong with one is said without quoting it."""

from __future__ import annotations

import contextlib
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from madeservices import jwt

from imgforge.errors import EvidenceError, InvalidInputError, TransientError
from imgforge.signing import identity_token as token

SURROUNDINGS = ("GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI", "SIGSTORE_ID_TOKEN")


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SURROUNDINGS:
        monkeypatch.delenv(name, raising=False)


@contextlib.contextmanager
def runner(status: int, body: bytes, patch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Play a GitHub runner whose token service answers so; yield what was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    patch.setenv("GITHUB_ACTIONS", "true")
    patch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t")
    url = f"http://127.0.0.1:{server.server_port}/gha?x=1"
    patch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", url)
    try:
        yield asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("", "no identity token"),
        ("a.b", "no identity token"),
        ("a.!!.c", "no identity token"),
        ("a.bm8.c", "no identity token"),
        ("x" * (token.MAX_TOKEN + 1), "no identity token"),
        (lambda: jwt(aud="npm"), "another audience"),
        (lambda: jwt(aud=None), "another audience"),
        (lambda: jwt(aud=["npm", "pypi"]), "another audience"),
        (lambda: jwt(exp=int(time.time()) - 60), "expired 6. s ago"),
        (lambda: jwt(exp="later"), "without an end"),
        (lambda: jwt(nbf=int(time.time()) + 600), "not yet valid"),
        (lambda: jwt(iat=int(time.time()) + 600), "not yet valid"),
        (lambda: jwt(iat=None), "does not say when it was issued"),
        (lambda: jwt(iss=None), "no issuer"),
        (lambda: jwt(sub=7), "no issuer or subject"),
    ],
)
def test_what_is_wrong_with_a_token_is_said_early_and_without_it(
    given: str | Callable[[], str], reason: str
) -> None:
    text = given if isinstance(given, str) else given()  # no older than this test
    with pytest.raises(InvalidInputError, match=reason) as raised:
        token.read(text, "--identity-token")
    said = [raised.value.message, *raised.value.details, raised.value.hint or ""]
    middle = text.split(".")[1] if text.count(".") == 2 else text
    assert len(middle) < 8 or not any(middle in line for line in said)


def test_a_token_does_not_show_itself() -> None:
    text = jwt(email="dev@example.com")
    read = token.read(f"{text}\n", "a file")
    assert read.text == text
    assert text not in repr(read)
    assert str(read) == "dev@example.com of https://issuer.test"


def test_several_audiences_will_do_if_ours_is_among_them() -> None:
    assert token.read(jwt(aud=["npm", "sigstore"]), "x").claims["sub"] == "dev"


def test_who_it_is_does_not_change_from_token_to_token() -> None:
    first, later = token.read(jwt(jti="1"), "x"), token.read(jwt(jti="2"), "x")
    assert first.who == later.who != token.read(jwt(sub="eve"), "x").who
    assert first.who != token.read(jwt(job_workflow_ref="a/b@refs/heads/x"), "x").who


def test_the_file_comes_before_the_variable_and_that_before_the_surroundings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(jwt(sub="file"))
    body = json.dumps({"value": jwt(sub="ambient")}).encode()
    with runner(200, body, monkeypatch) as asked:
        found = token.without_asking(None)
        assert found is not None
        assert found.claims["sub"] == "ambient"
        assert asked == ["/gha?x=1&audience=sigstore"]
        monkeypatch.setenv("SIGSTORE_ID_TOKEN", jwt(sub="variable"))
        named = token.without_asking(None)
        assert named is not None
        assert named.claims["sub"] == "variable"
        given = token.without_asking(file)
        assert given is not None
        assert given.claims["sub"] == "file"
        assert len(asked) == 1


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="cannot read the identity token"):
        token.without_asking(tmp_path / "none")


def test_a_job_that_may_have_no_token_is_told_what_to_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", raising=False)
    with pytest.raises(EvidenceError, match="may not have an identity token") as raised:
        token.without_asking(None)
    assert "id-token: write" in str(raised.value.hint)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, b"no", TransientError),
        (200, b"not JSON", EvidenceError),
        (200, json.dumps({"value": "a.b"}).encode(), EvidenceError),
        (200, json.dumps({"value": jwt(aud="npm")}).encode(), EvidenceError),
    ],
)
def test_surroundings_that_answer_nonsense_are_an_error(
    monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, error: type[Exception]
) -> None:
    with runner(status, body, monkeypatch), pytest.raises(error, match="gives no identity token"):
        token.without_asking(None)


def test_no_browser_is_opened_where_nobody_sits(monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> str:
        raise AssertionError

    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(InvalidInputError, match="needs an identity token") as raised:
        token.ask(never, lambda _: None)
    assert "id-token: write" in str(raised.value.hint)


def test_libraries_see_our_authorities_for_as_long_as_they_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import os

    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", "/own.pem")
    with token.surroundings():
        assert os.environ["REQUESTS_CA_BUNDLE"] == "/own.pem"
    assert "REQUESTS_CA_BUNDLE" not in os.environ
