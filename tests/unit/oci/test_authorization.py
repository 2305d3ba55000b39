from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest

from imgforge.errors import RegistryError
from imgforge.oci.authorization import Authorization, Login, TokenRequest
from imgforge.oci.reference import Reference

APP = Reference.parse("r.io/team/app")
PULL, PUSH, OTHER = (
    "repository:team/app:pull",
    "repository:team/app:pull,push",
    "repository:team/base:pull",
)


class Tokens:
    """A token server that numbers its tokens; it refuses scopes in ``denied``."""

    def __init__(self, *denied: str) -> None:
        self.denied = denied
        self.asked: list[TokenRequest] = []

    def __call__(self, asked: TokenRequest) -> tuple[int, bytes]:
        self.asked.append(asked)
        if any(scope in self.denied for scope in self.scopes()):
            return 403, b""
        return 200, json.dumps({"token": f"t{len(self.asked)}"}).encode()

    def scopes(self) -> list[str]:
        return [value for key, value in self.asked[-1].query if key == "scope"]


@pytest.fixture
def login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Tokens], Authorization]:
    auth = base64.b64encode(b"me:pw").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"r.io": {"auth": auth}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)
    return lambda tokens: Authorization(APP, tokens, lambda _: True)


def bearer(scope: str) -> list[str]:
    return [f'Bearer realm="https://auth.r.io/token",service="r.io",scope="{scope}"']


Login_ = Callable[[Tokens], Authorization]


def test_scopes_add_up(login: Login_) -> None:
    tokens = Tokens()
    ours = login(tokens)
    assert ours.answer(bearer(PULL), None) is Login.MADE
    assert ours.answer(bearer(PUSH), ours.header) is Login.MADE
    assert tokens.scopes() == [PULL, PUSH]
    assert ours.header == "Bearer t2"


def test_another_threads_token_is_used_if_it_is_enough(login: Login_) -> None:
    tokens = Tokens()
    ours = login(tokens)
    ours.answer(bearer(PULL), None)
    assert ours.answer(bearer(PULL), None) is Login.SHARED
    assert len(tokens.asked) == 1
    assert ours.answer(bearer(PUSH), None) is Login.MADE, "that one could only pull"
    assert tokens.scopes() == [PULL, PUSH]
    assert ours.answer(bearer(PULL), None) is Login.SHARED


def test_a_token_that_has_ended_is_renewed_with_all_it_covered(login: Login_) -> None:
    tokens = Tokens()
    ours = login(tokens)
    ours.answer(bearer(PUSH), None)
    assert ours.answer(bearer(PULL), "Bearer t1") is Login.MADE
    assert tokens.scopes() == [PUSH, PULL]


def test_further_scopes_are_asked_for_from_then_on(login: Login_) -> None:
    tokens = Tokens()
    ours = login(tokens)
    ours.answer(bearer(PUSH), None)
    ours.also(OTHER)
    assert ours.header is None
    ours.answer(bearer(PUSH), None)
    assert tokens.scopes() == [PUSH, OTHER]
    ours.also(OTHER)
    assert ours.header == "Bearer t2"


def test_further_scopes_that_are_refused_are_done_without(login: Login_) -> None:
    tokens = Tokens(OTHER)
    ours = login(tokens)
    ours.also(OTHER)
    assert ours.answer(bearer(PUSH), None) is Login.MADE
    assert tokens.scopes() == [PUSH]
    assert len(tokens.asked) == 2


def test_a_scope_that_the_registry_wants_is_not_done_without(login: Login_) -> None:
    ours = login(Tokens(PUSH))
    with pytest.raises(RegistryError, match=r"auth\.r\.io gave no token"):
        ours.answer(bearer(PUSH), None)


def test_a_password_is_offered_once_and_only_as_a_header(login: Login_) -> None:
    tokens = Tokens()
    ours = login(tokens)
    assert ours.answer(['Basic realm="x"'], None) is Login.MADE
    assert ours.answer(['Basic realm="x"'], ours.header) is Login.NONE
    ours.answer(bearer(PULL), ours.header)
    assert tokens.asked[0].basic == "Basic " + base64.b64encode(b"me:pw").decode()
    assert "pw" not in urlencode(tokens.asked[0].query)
