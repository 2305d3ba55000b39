from __future__ import annotations

import hashlib
import http.server
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import fakeregistry
import pytest
import selfsigned

from imgforge import bases, cache, lock
from imgforge.bases import fetch
from imgforge.errors import RegistryError, TransientError
from imgforge.oci.types import Platform

AMD64 = Platform("linux", "amd64")
DATA = bytes(range(256)) * 4096
DIGEST = hashlib.sha256(DATA).hexdigest()
FETCH = """\
import sys
from imgforge.bases import fetch
fetch.PAUSE = 0.01
url, digest, size = sys.argv[1:]
print(fetch.blobs([fetch.Wanted((url,), digest, int(size))])[0])
"""
Make = Callable[..., bytes]
Handler = http.server.BaseHTTPRequestHandler


class Archive(Protocol):
    url: str
    files: dict[str, bytes]
    faults: dict[str, Callable[[Handler], None]]
    asked: list[str]

    def add(self, name: str, package: bytes, suite: str = "trixie", **fields: str) -> str: ...

    def publish(self, **changes: str) -> None: ...


def quiet(_: str) -> None:
    pass


def wanted(archive: Archive, *paths: str, moving: bool = False) -> fetch.Wanted:
    urls = tuple(f"{archive.url}/{path}" for path in paths or ("blob",))
    return fetch.Wanted(urls, DIGEST, len(DATA), frozenset(urls if moving else ()))


def partial() -> Path:
    return cache.directory("blobs") / f".partial-{DIGEST}"


def process(archive: Archive) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", FETCH, f"{archive.url}/blob", DIGEST, str(len(DATA))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ranged(handler: Handler) -> None:
    """Answer as servers do that can continue."""
    asked = handler.headers.get("Range")
    start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
    handler.send_response(206 if asked else 200)
    handler.send_header("Content-Length", str(len(DATA) - start))
    if asked:
        handler.send_header("Content-Range", f"bytes {start}-{len(DATA) - 1}/{len(DATA)}")
    handler.end_headers()
    handler.wfile.write(DATA[start:])


def test_what_a_killed_process_began_is_continued(archive: Archive) -> None:
    half = len(DATA) // 2
    ranges: list[str | None] = []
    released = threading.Event()

    def stall(handler: Handler) -> None:
        ranges.append(handler.headers.get("Range"))
        if len(ranges) > 1:
            ranged(handler)
            return
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(DATA)))
        handler.end_headers()
        handler.wfile.write(DATA[:half])
        handler.wfile.flush()
        released.wait(20)

    archive.faults["blob"] = stall
    child = process(archive)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not (partial().exists() and partial().stat().st_size):
        time.sleep(0.02)
    time.sleep(0.1)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    released.set()
    begun = partial().stat().st_size
    assert 0 < begun <= half

    (path,) = fetch.blobs([wanted(archive)])
    assert path.read_bytes() == DATA
    assert ranges == [None, f"bytes={begun}-"]
    assert not partial().exists()


def test_processes_that_want_the_same_file_fetch_it_once(archive: Archive) -> None:
    def slow(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(DATA)))
        handler.end_headers()
        for start in range(0, len(DATA), len(DATA) // 8):
            handler.wfile.write(DATA[start : start + len(DATA) // 8])
            time.sleep(0.2)

    archive.faults["blob"] = slow
    children = [process(archive) for _ in range(3)]
    for child in children:
        out, err = child.communicate(timeout=60)
        assert child.returncode == 0, err
        assert Path(out.strip()).read_bytes() == DATA
    assert archive.asked == ["blob"]
    assert [p.name for p in cache.directory("blobs").iterdir()] == [DIGEST]


def test_a_process_that_holds_a_file_for_ever_is_not_waited_for(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    monkeypatch.setattr(fetch, "TIMEOUT", 0.05)
    monkeypatch.setattr(fetch, "SLOWEST", 1 << 40)
    with partial().open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(TransientError, match="another process"):
            fetch.blobs([wanted(archive)])
    assert archive.asked == []


@pytest.mark.parametrize("left", [b"x" * 1000, b"x" * len(DATA), DATA + b"x", DATA[:1000]])
def test_what_was_left_is_believed_only_by_the_hash_of_the_whole(
    archive: Archive, left: bytes
) -> None:
    archive.faults["blob"] = ranged
    partial().write_bytes(left)
    (path,) = fetch.blobs([wanted(archive)])
    assert path.read_bytes() == DATA


def test_a_link_in_place_of_a_partial_file_is_not_followed(
    archive: Archive, tmp_path: Path
) -> None:
    archive.faults["blob"] = ranged
    partial().symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match="symbolic links"):
        fetch.blobs([wanted(archive)])
    assert not (tmp_path / "target").exists()


def test_the_next_address_goes_on_where_the_first_has_nothing(archive: Archive) -> None:
    archive.files["other"] = DATA
    (path,) = fetch.blobs([wanted(archive, "blob", "other")])
    assert path.read_bytes() == DATA
    assert archive.asked == ["blob", "other"]


def test_all_addresses_are_named_when_none_has_it(archive: Archive) -> None:
    with pytest.raises(RegistryError, match="/other does not exist") as caught:
        fetch.blobs([wanted(archive, "blob", "other")])
    assert caught.value.details == (f"{archive.url}/blob does not exist",)
    assert not list(cache.directory("blobs").iterdir())


def test_what_is_gone_is_told_when_the_next_address_is_away(archive: Archive) -> None:
    far = fetch.Wanted((f"{archive.url}/blob", "http://127.0.0.1:9/blob"), DIGEST, len(DATA))
    with pytest.raises(TransientError, match=r"127\.0\.0\.1:9") as caught:
        fetch.blobs([far])
    assert caught.value.details == (f"{archive.url}/blob does not exist",)
    assert not list(cache.directory("blobs").iterdir())


def test_an_empty_file_is_a_file(archive: Archive) -> None:
    archive.files["empty"] = b""
    digest = hashlib.sha256(b"").hexdigest()
    (path,) = fetch.blobs([fetch.Wanted((f"{archive.url}/empty",), digest, 0)])
    assert path.read_bytes() == b""
    assert [p.name for p in cache.directory("blobs").iterdir()] == [digest]


@pytest.mark.parametrize("moving", [True, False])
def test_only_where_files_are_replaced_is_another_content_a_mishap(
    archive: Archive, *, moving: bool
) -> None:
    archive.files["blob"] = DATA[:-1] + b"x"
    with pytest.raises(TransientError if moving else RegistryError):
        fetch.blobs([wanted(archive, moving=moving)])
    assert not list(cache.directory("blobs").iterdir())


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/blob", "gopher://x/"])
def test_a_redirect_elsewhere_than_to_http_is_refused(archive: Archive, target: str) -> None:
    def redirect(handler: Handler) -> None:
        handler.send_response(302)
        handler.send_header("Location", target)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    archive.faults["blob"] = redirect
    with pytest.raises(RegistryError):
        fetch.blobs([wanted(archive)])
    assert archive.asked == ["blob"]
    assert not list(cache.directory("blobs").iterdir())


def test_a_redirect_without_end_is_refused(archive: Archive) -> None:
    def redirect(handler: Handler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "/blob")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    archive.faults["blob"] = redirect
    with pytest.raises(RegistryError, match="redirects"):
        fetch.blobs([wanted(archive)])


def test_a_redirect_to_another_mirror_is_followed(archive: Archive) -> None:
    archive.files["other"] = DATA

    def redirect(handler: Handler) -> None:
        handler.send_response(302)
        handler.send_header("Location", f"{archive.url}/other")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    archive.faults["blob"] = redirect
    (path,) = fetch.blobs([wanted(archive)])
    assert path.read_bytes() == DATA


def test_a_certificate_is_believed_only_if_the_machine_trusts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    certificate, tls = selfsigned.make(tmp_path)
    server = fakeregistry.FakeRegistry(fault=lambda _: fakeregistry.Reply(200, {}, DATA))
    with fakeregistry.serve(server, tls):
        far = fetch.Wanted((f"https://{server.place}/blob",), DIGEST, len(DATA))
        with pytest.raises(RegistryError, match="certificate is not trusted") as caught:
            fetch.blobs([far])
        assert "SSL_CERT_FILE" in (caught.value.hint or "")
        assert not list(cache.directory("blobs").iterdir())
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        (path,) = fetch.blobs([far])
    assert path.read_bytes() == DATA


def test_a_proxy_of_the_settings_is_asked_and_no_proxy_spared(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.files["blob"] = DATA
    far = fetch.Wanted(("http://mirror.invalid/blob",), DIGEST, len(DATA))
    monkeypatch.setenv("IMGFORGE_PROXY", archive.url)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    (path,) = fetch.blobs([far])
    assert path.read_bytes() == DATA
    path.unlink()
    for spared in ("mirror.invalid", "*"):
        monkeypatch.setenv("NO_PROXY", spared)
        monkeypatch.setenv("no_proxy", spared)
        with pytest.raises(TransientError):
            fetch.blobs([far])


@pytest.mark.usefixtures("demo")
def test_a_package_that_left_the_mirror_comes_from_the_snapshot_of_the_locks_day(
    archive: Archive, make_deb: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = make_deb({"./usr/bin/demo": b"demo"})
    path = archive.add("demo", package)
    archive.publish()
    base = bases.resolve("demo", (AMD64,), say=quiet)
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("IMGFORGE_DEBIAN_SNAPSHOT_MIRROR", archive.url + "/snapshot")
    del archive.files[path]
    with pytest.raises(RegistryError, match="does not exist"):
        bases.ensure(base, say=quiet)

    archive.asked.clear()
    # The Release file is of the 9th, 10:00; the archive's snapshot that has it is a later one.
    archive.files[f"snapshot/debian/20260109T100000Z/{path}"] = package
    bases.ensure(base, say=quiet)
    assert archive.asked == [
        path,
        f"snapshot/debian/20260110T100000Z/{path}",
        f"snapshot/debian/20260109T100000Z/{path}",
    ]


@pytest.mark.usefixtures("demo")
def test_a_snapshot_is_locked_and_judged_by_its_own_moment(
    archive: Archive, make_deb: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    expired = {"Valid-Until": "Fri, 16 Jan 2026 10:00:00 UTC"}
    for tree in ("debian", "debian-security"):
        root = f"snap/{tree}/20260110T000000Z/"
        archive.add("demo", make_deb({"./usr/bin/demo": b"demo"}), root=root)
        archive.publish(root=root, **expired)
    monkeypatch.setenv("IMGFORGE_DEBIAN_SNAPSHOT_MIRROR", archive.url + "/snap")
    monkeypatch.setenv("IMGFORGE_DEBIAN_SNAPSHOT", "2026-01-10T00:00:00Z")
    base = bases.resolve("demo", (AMD64,), say=quiet)
    assert {asked.split("/")[0] for asked in archive.asked} == {"snap"}
    assert "snap/debian-security/20260110T000000Z/dists/trixie-security/InRelease" in archive.asked
    assert base.archives[0] == lock.Archive(
        "trixie", "2026-01-09T10:00:00Z", base.archives[0].sha256
    )

    for moment, complaint in (("2026-02-01", "expired"), ("2026-01-01", "in the future")):
        name = moment.replace("-", "")
        for path in [p for p in archive.files if p.startswith("snap/")]:
            archive.files[path.replace("20260110", name)] = archive.files[path]
        monkeypatch.setenv("IMGFORGE_DEBIAN_SNAPSHOT", moment)
        with pytest.raises(RegistryError, match=complaint):
            bases.resolve("demo", (AMD64,), say=quiet)
