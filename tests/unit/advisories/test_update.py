from __future__ import annotations

import datetime as dt
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from madeadvisories import advisory, before, source

from imgforge.advisories.database import open_database
from imgforge.advisories.update import Wish, bring
from imgforge.errors import EvidenceError, InvalidInputError, RegistryError, TransientError
from imgforge.signing import KeySigner, blob, load_public
from imgforge.signing import key as keys

ONE = advisory("T-1", "web", *before("2"))
TWO = advisory("T-2", "web", *before("2"))


@dataclass
class Server:
    """Files by path; what was asked, and how often the next answer is an error."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    failures: int = 0
    moved: str = ""


@contextmanager
def serving() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = state.files.get(self.path)
            tag = f'"{hash(data)}"'
            status = 404 if data is None else 200
            if data is not None and self.headers.get("If-None-Match") == tag:
                status, data = 304, b""
            if state.failures:
                state.failures -= 1
                status, data = 503, b""
            state.asked.append((self.path, status))
            if self.path == "/moved":
                status = 302
            self.send_response(status)
            if status == 302:
                self.send_header("Location", state.moved)
            self.send_header("ETag", tag)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr("imgforge.advisories.download.PAUSE", 0)
    with serving() as found:
        yield found


def ids(db: Path) -> int:
    with open_database(db) as opened:
        return sum(each.records for each in opened.status().sources)


def test_what_has_not_changed_is_not_fetched_again(tmp_path: Path, server: Server) -> None:
    db = tmp_path / "db"
    server.files["/all.zip"] = source(tmp_path / "1.zip", ONE).read_bytes()
    wish = Wish((f"{server.url}/all.zip",))
    assert [each.added for each in bring(wish, db, print).imported] == [1]
    again = bring(wish, db, print)
    assert again.imported == ()
    assert again.unchanged == (f"{server.url}/all.zip",)
    server.files["/all.zip"] = source(tmp_path / "2.zip", ONE, TWO).read_bytes()
    assert [each.added for each in bring(wish, db, print).imported] == [1]
    assert [status for _, status in server.asked] == [200, 304, 200]
    assert ids(db) == 2


def test_a_server_is_asked_again_when_it_fails(tmp_path: Path, server: Server) -> None:
    server.files["/all.zip"] = source(tmp_path / "1.zip", ONE).read_bytes()
    server.failures = 2
    bring(Wish((f"{server.url}/all.zip",)), tmp_path / "db", print)
    server.failures = 9
    with pytest.raises(TransientError, match="HTTP 503"):
        bring(Wish((f"{server.url}/all.zip?x=1",)), tmp_path / "db", print)


def test_what_is_not_there_is_an_error_and_nothing_changes(tmp_path: Path, server: Server) -> None:
    server.files["/all.zip"] = source(tmp_path / "1.zip", ONE).read_bytes()
    wish = Wish((f"{server.url}/all.zip", f"{server.url}/none.zip"))
    with pytest.raises(RegistryError, match="HTTP 404"):
        bring(wish, tmp_path / "db", print)
    assert not (tmp_path / "db").exists()


def test_the_signature_is_fetched_from_beside_the_source(tmp_path: Path, server: Server) -> None:
    db = tmp_path / "db"
    private, public = keys.generate(tmp_path / "feed", b"secret")
    data = source(tmp_path / "1.zip", ONE).read_bytes()
    server.files["/all.zip"] = data
    plain = Wish((f"{server.url}/all.zip",))
    wish = plain._replace(key=load_public(public))
    with pytest.raises(RegistryError, match="HTTP 404"):
        bring(wish, db, print)
    bring(plain, db, print)
    signed = blob.sign(data, KeySigner.open(private, b"secret"))
    server.files["/all.zip.sigstore.json"] = signed
    # What was had unsigned is fetched anew when a signature is demanded.
    assert len(bring(wish, db, print).imported) == 1
    assert bring(wish, db, print).unchanged
    server.files["/all.zip"] = source(tmp_path / "2.zip", TWO).read_bytes()
    with pytest.raises(EvidenceError):
        bring(wish, db, print)
    assert ids(db) == 1


def test_what_is_not_encrypted_is_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="not encrypted"):
        bring(Wish(("http://osv.example.com/all.zip",)), tmp_path / "db", print)


def test_a_redirect_does_not_lead_where_anybody_could_change_it(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/all.zip"] = source(tmp_path / "1.zip", ONE).read_bytes()
    port = server.url.rpartition(":")[2]
    server.moved = f"http://elsewhere.test:{port}/all.zip"
    monkeypatch.setattr("imgforge.oci.origin.is_loopback", lambda host: host == "127.0.0.1")
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server.files[server.moved] = server.files["/all.zip"]
    with pytest.raises(RegistryError, match=r"elsewhere\.test.* is not encrypted"):
        bring(Wish((f"{server.url}/moved",)), tmp_path / "db", print)
    assert not (tmp_path / "db").exists()


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (Wish(()), "nothing is named"),
        (Wish(("a", "b"), name="x"), "several"),
        (Wish(("a", "b"), sha256="0" * 64), "several"),
        (Wish(("/nowhere/at/all",)), "does not exist"),
    ],
)
def test_wishes_that_make_no_sense_are_refused(tmp_path: Path, wish: Wish, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        bring(wish, tmp_path / "db", print)


def test_a_source_is_not_given_twice(tmp_path: Path) -> None:
    path = str(source(tmp_path / "1.zip", ONE))
    with pytest.raises(InvalidInputError, match="given twice"):
        bring(Wish((path, path)), tmp_path / "db", print)


@pytest.mark.parametrize(("days", "age"), [(40, 40), (-40, 0), (22_000, None)])
def test_an_old_file_is_not_new_for_being_imported_now(
    tmp_path: Path, days: int, age: int | None
) -> None:
    dump = source(tmp_path / "all.zip", ONE)
    now = dt.datetime.now(dt.UTC)
    written = now - dt.timedelta(days=days)
    os.utime(dump, (written.timestamp(), written.timestamp()))
    database = tmp_path / "advisories.sqlite"
    bring(Wish((str(dump),)), database, lambda _: None)
    with open_database(database) as opened:
        (known,) = opened.sources()
    if age is None:  # of before 1970
        age = (now.date() - dt.date(1970, 1, 1)).days
    assert known.age(now.date()) == age
