from __future__ import annotations

import dataclasses
import http.server
import json
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from imgforge import bases, cache, lock
from imgforge.bases import archive as archive_module
from imgforge.bases import fetch, index
from imgforge.errors import (
    BuildFailedError,
    InvalidInputError,
    RegistryError,
    TransientError,
)
from imgforge.oci.layout import Layout
from imgforge.oci.types import Platform

AMD64 = Platform("linux", "amd64")
Make = Callable[..., bytes]
Handler = http.server.BaseHTTPRequestHandler

pytestmark = pytest.mark.usefixtures("demo")


def quiet(_: str) -> None:
    pass


def resolve(packages: tuple[str, ...] = ()) -> lock.LockedBase:
    return bases.resolve("demo", (AMD64,), packages=packages, say=quiet)


class Key(Protocol):
    def clear_sign(self, text: str, *, weak: bool = False) -> bytes: ...


class Archive(Protocol):
    files: dict[str, bytes]
    faults: dict[str, Callable[[Handler], None]]
    asked: list[str]
    path: str
    stanzas: dict[tuple[str, str, str], list[str]]

    def add(self, name: str, package: bytes, suite: str = "trixie", **fields: str) -> str: ...

    def publish(self, **changes: str) -> None: ...


@pytest.fixture
def good(archive: Archive, make_deb: Make) -> Archive:
    """Publish the archive with one proper package."""
    archive.path = archive.add("demo", make_deb({"./usr/bin/demo": b"demo"}))
    archive.publish()
    return archive


def answer(
    data: bytes, *, status: int = 200, announced: int | None = None
) -> Callable[[Handler], None]:
    def respond(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(data) if announced is None else announced))
        handler.end_headers()
        handler.wfile.write(data)

    return respond


def nothing_is_left() -> None:
    """Check that no failed download kept a name, or even its temporary one, in the cache."""
    for path in cache.directory("blobs").iterdir():
        # What broke off waits to be continued, but never under a blob's name.
        assert fetch.cached(path.name) == path or path.name.startswith(".partial-")
    assert not list(cache.directory("bases").iterdir())


def test_a_base_is_locked_and_made_again(good: Archive) -> None:
    base = resolve()
    path = bases.ensure(base, say=quiet)
    (top,) = Layout.open(path).index()
    assert top.digest == base.digest
    assert base.epoch == 1767952800
    assert [a.suite for a in base.archives] == ["trixie", "trixie-updates", "trixie-security"]
    (package,) = base.on(AMD64).layers[0].packages
    assert (package.name, package.path, package.suite) == ("demo", good.path, "trixie")

    layout = Layout.open(path)
    (image,) = layout.images(top)
    manifest = layout.read_json(image)
    assert manifest["annotations"]["org.opencontainers.image.created"] == "2026-01-09T10:00:00Z"
    assert image.digest == base.on(AMD64).digest


def test_an_empty_cache_is_filled_from_the_lock_without_any_index(
    good: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = resolve()
    good.asked.clear()
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "elsewhere"))
    with pytest.raises(BuildFailedError, match="1 files are not in the ") as caught:
        bases.ensure(base, offline=True, say=quiet)
    assert caught.value.details == ("linux/amd64: package demo 1 amd64",)
    path = bases.ensure(base, say=quiet)
    assert path.is_relative_to(tmp_path / "elsewhere")
    assert good.asked == [good.path]
    assert bases.ensure(base, offline=True, say=quiet) == path


def test_a_warm_base_is_there_without_asking_anybody(good: Archive) -> None:
    base = resolve()
    good.asked.clear()
    said: list[str] = []
    bases.ensure(base, offline=True, say=said.append)
    assert (good.asked, said) == ([], [])


@pytest.mark.usefixtures("good")
def test_a_damaged_layout_is_made_again() -> None:
    base = resolve()
    path = bases.ensure(base, say=quiet)
    for damage in ("index.json", f"blobs/sha256/{base.on(AMD64).digest[7:]}"):
        (path / damage).write_bytes(b"{}")
        assert bases.ensure(base, offline=True, say=quiet) == path
        (top,) = Layout.open(path).index()
        assert json.loads(Layout.open(path).read(top))["manifests"]


@pytest.mark.usefixtures("good")
def test_a_lock_that_gives_another_digest_is_refused() -> None:
    base = dataclasses.replace(resolve(), digest="sha256:" + "0" * 64)
    with pytest.raises(BuildFailedError, match="differs from the lock") as caught:
        bases.ensure(base, say=quiet)
    assert any("0" * 64 in line for line in caught.value.details)


@pytest.mark.usefixtures("good")
def test_another_definition_than_the_locked_is_refused() -> None:
    base = resolve()
    for other in (
        dataclasses.replace(base, definition="sha256:" + "0" * 64, digest="sha256:" + "1" * 64),
        dataclasses.replace(base, platforms=(), digest="sha256:" + "1" * 64),
    ):
        with pytest.raises(BuildFailedError, match="another definition"):
            bases.ensure(other, say=quiet)


@pytest.mark.usefixtures("good")
def test_a_damaged_blob_in_the_cache_is_fetched_again() -> None:
    base = resolve()
    (package,) = base.on(AMD64).layers[0].packages
    blob = cache.directory("blobs") / package.sha256
    blob.write_bytes(b"x" * package.size)
    assert fetch.cached(package.sha256) is None
    assert not blob.exists()


def test_packages_are_added_in_a_layer_of_their_own(good: Archive, make_deb: Make) -> None:
    good.add(
        "extra",
        make_deb(
            {"./usr/sbin/extra": b"e"}, control="Package: extra\nVersion: 1\nArchitecture: amd64\n"
        ),
        "trixie-security",
        Depends="demo",
    )
    good.publish()
    base = resolve(packages=("extra",))
    assert [(x.name, [p.name for p in x.packages]) for x in base.on(AMD64).layers] == [
        ("demo", ["demo"]),
        ("packages", ["extra"]),
    ]
    plain = resolve()
    assert plain.digest != base.digest
    assert plain.on(AMD64).layers[0] == base.on(AMD64).layers[0]
    with pytest.raises(InvalidInputError, match="no package nosuch"):
        resolve(packages=("nosuch",))


@pytest.mark.usefixtures("good")
def test_what_cannot_be_made_is_said_before_anything_is_asked_for() -> None:
    with pytest.raises(InvalidInputError, match="linux/riscv64"):
        bases.resolve("demo", (Platform("linux", "riscv64"),), say=quiet)
    with pytest.raises(InvalidInputError, match="no base 'nosuch'"):
        bases.resolve("nosuch", (AMD64,), say=quiet)
    with pytest.raises(RegistryError, match="no package index for arm64"):
        bases.resolve("demo", (Platform("linux", "arm64"),), say=quiet)


def test_a_changed_release_file_is_refused(good: Archive) -> None:
    path = "dists/trixie-security/InRelease"
    good.files[path] = good.files[path].replace(b"Suite: trixie", b"Suite: Trixie")
    with pytest.raises(RegistryError, match="trixie-security's InRelease has no valid signature"):
        resolve()
    nothing_is_left()


def test_another_key_is_refused(good: Archive, other_key: Key) -> None:
    text = "Suite: trixie\nCodename: trixie\n"
    good.files["dists/trixie/InRelease"] = other_key.clear_sign(text)
    with pytest.raises(RegistryError, match="no valid signature"):
        resolve()


def test_a_weak_hash_is_refused(good: Archive, key: Key) -> None:
    good.files["dists/trixie/InRelease"] = key.clear_sign("Suite: trixie\n", weak=True)
    with pytest.raises(RegistryError, match="no valid signature"):
        resolve()


@pytest.mark.parametrize("place", ["before", "after", "none"])
def test_unsigned_text_is_never_read(good: Archive, place: str) -> None:
    path = "dists/trixie/InRelease"
    evil = b"SHA256:\n " + b"0" * 64 + b" 1 main/binary-amd64/Packages.xz\n"
    signed = good.files[path]
    good.files[path] = {"before": evil + signed, "after": signed + evil, "none": evil}[place]
    with pytest.raises(RegistryError, match="is not one signed message"):
        resolve()


def test_two_signed_messages_are_refused(good: Archive) -> None:
    path = "dists/trixie/InRelease"
    good.files[path] = good.files["dists/trixie-updates/InRelease"] + good.files[path]
    with pytest.raises(RegistryError, match="is not one signed message"):
        resolve()


def test_one_suite_cannot_stand_for_another(good: Archive) -> None:
    good.files["dists/trixie/InRelease"] = good.files["dists/trixie-updates/InRelease"]
    with pytest.raises(RegistryError, match="wanted trixie"):
        resolve()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"Date": "Fri, 09 Jan 2150 10:00:00 UTC"}, "in the future"),
        ({"Valid-Until": "Sat, 10 Jan 2026 10:00:00 UTC"}, "expired on 2026-01-10"),
        ({"Date": ""}, "not a date"),
    ],
)
def test_dates_are_judged(good: Archive, changes: dict[str, str], complaint: str) -> None:
    good.publish(**changes)
    with pytest.raises(RegistryError, match=complaint):
        resolve()


def test_a_frozen_mirror_is_believed_when_told(
    good: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    good.publish(**{"Valid-Until": "Sat, 10 Jan 2026 10:00:00 UTC"})
    monkeypatch.setenv("IMGFORGE_DEBIAN_CHECK_VALID_UNTIL", "no")
    assert resolve().digest


def test_a_release_file_without_sha256_is_refused(good: Archive, key: Key) -> None:
    text = "Suite: trixie\nCodename: trixie\nDate: Fri, 09 Jan 2026 10:00:00 UTC\nMD5Sum:\n"
    text += f" {'0' * 32} 1 main/binary-amd64/Packages.xz\n"
    good.files["dists/trixie/InRelease"] = key.clear_sign(text)
    with pytest.raises(RegistryError, match="lists no SHA256"):
        resolve()


def test_a_file_that_is_no_keyring_is_no_signature(
    good: Archive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for content, complaint in ((b"", "holds no key|not a keyring"), (b"x" * 99, "not a keyring")):
        ring = tmp_path / "broken.gpg"
        ring.write_bytes(content)
        monkeypatch.setenv("IMGFORGE_DEBIAN_KEYRING", str(ring))
        with pytest.raises(InvalidInputError, match=complaint):
            resolve()
    assert good.path not in good.asked


def test_another_index_than_the_signed_is_refused(good: Archive) -> None:
    for path in [p for p in good.files if "binary-amd64" in p]:
        good.files[path] = good.files[path][:-1] + b"\0"
    with pytest.raises(RegistryError, match="not what the signed index announced"):
        resolve()
    nothing_is_left()


def test_an_index_without_by_hash_is_found(good: Archive) -> None:
    for path in [p for p in good.files if "by-hash" in p]:
        del good.files[path]
    assert resolve().digest


def test_a_mirror_that_is_behind_itself_is_transient(good: Archive) -> None:
    for path in [p for p in good.files if p.startswith("dists/trixie/main")]:
        if "by-hash" in path:
            del good.files[path]
        else:
            good.files[path] = good.files["dists/trixie-updates/main/binary-amd64/Packages.xz"]
    with pytest.raises(TransientError, match="behind itself") as caught:
        resolve()
    assert "dists/trixie/main" in caught.value.message
    nothing_is_left()


def test_an_index_that_is_too_large_is_not_asked_for(
    good: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_module, "MAX_PACKED", 10)
    with pytest.raises(RegistryError, match="package index is over 10 bytes"):
        resolve()
    assert not [path for path in good.asked if "Packages" in path]


def test_a_kept_index_that_was_damaged_is_made_again(good: Archive) -> None:
    digest = resolve().digest
    kept = list(cache.directory("indexes").iterdir())
    assert kept
    for damage in (b"", b"x", kept[0].read_bytes()[:-1]):
        for path in kept:
            path.write_bytes(damage)
        index.load.cache_clear()
        assert resolve().digest == digest
    assert good.path in good.asked


def test_an_index_that_is_a_bomb_is_refused(good: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "MAX_BYTES", 10)
    with pytest.raises(RegistryError, match="cut off or over 10 bytes"):
        resolve()
    assert good.path not in good.asked


def test_another_package_than_the_signed_is_refused(good: Archive, make_deb: Make) -> None:
    good.files[good.path] = make_deb({"./usr/bin/demo": b"evil"})
    with pytest.raises(RegistryError, match=r"larger than|not what the signed index announced"):
        resolve()
    nothing_is_left()


@pytest.mark.parametrize("size", [0, 1, 100])
def test_a_shorter_package_is_refused(good: Archive, size: int) -> None:
    good.faults[good.path] = answer(good.files[good.path][:size])
    with pytest.raises(RegistryError, match="not what the signed index") as caught:
        resolve()
    assert f"got {size} bytes" in caught.value.details[1]
    nothing_is_left()


def test_a_longer_package_is_not_read_to_its_end(good: Archive) -> None:
    good.faults[good.path] = answer(good.files[good.path] + bytes(64 << 20))
    with pytest.raises(RegistryError, match="larger than the"):
        resolve()
    nothing_is_left()


def test_a_connection_that_breaks_off_is_tried_again_from_there(good: Archive) -> None:
    whole = good.files[good.path]
    ranges: list[str | None] = []

    def respond(handler: Handler) -> None:
        asked = handler.headers.get("Range")
        ranges.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        handler.send_response(206 if asked else 200)
        if asked:
            handler.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
        handler.send_header("Content-Length", str(len(whole) - start))
        handler.end_headers()
        handler.wfile.write(whole[start : start + 200] if not asked else whole[start:])

    good.faults[good.path] = respond
    assert resolve().digest
    assert ranges == [None, "bytes=200-"]


def test_a_connection_that_always_breaks_off_is_given_up(good: Archive) -> None:
    good.faults[good.path] = answer(b"short", announced=1000)
    with pytest.raises(TransientError, match="after 3 tries"):
        resolve()
    assert good.asked.count(good.path) == 3
    nothing_is_left()


def test_a_mirror_that_stalls_is_given_up(good: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "TIMEOUT", 0.2)

    def stall(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        time.sleep(0.4)

    good.faults["dists/trixie/InRelease"] = stall
    with pytest.raises(TransientError, match="after 3 tries"):
        resolve()


def test_a_mirror_that_trickles_is_given_up(good: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "TIMEOUT", 0.2)
    monkeypatch.setattr(fetch, "SLOWEST", 1 << 40)

    def trickle(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(8):
            time.sleep(0.05)
            handler.wfile.write(b"x")

    good.faults[good.path] = trickle
    with pytest.raises(TransientError, match="too slow"):
        resolve()
    nothing_is_left()


@pytest.mark.parametrize(
    ("status", "error"),
    [(500, TransientError), (429, TransientError), (403, RegistryError), (404, RegistryError)],
)
def test_refusals_are_told_apart(good: Archive, status: int, error: type[Exception]) -> None:
    good.faults[good.path] = answer(b"", status=status)
    with pytest.raises(error):
        resolve()
    nothing_is_left()


def test_a_dead_mirror_is_transient(good: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    base = resolve()
    monkeypatch.setenv("IMGFORGE_DEBIAN_MIRROR", "http://127.0.0.1:9")
    with pytest.raises(TransientError):
        resolve()
    bases.ensure(base, say=quiet)
    assert good.asked.count(good.path) == 1


def test_a_package_that_holds_a_shell_is_refused(archive: Archive, make_deb: Make) -> None:
    archive.add("demo", make_deb({"./bin/sh": b""}))
    archive.publish()
    with pytest.raises(BuildFailedError, match="would hold a shell"):
        resolve()
    assert not list(cache.directory("layers", "keys").iterdir())


def test_a_package_that_writes_through_anothers_link_is_refused(
    archive: Archive, make_deb: Make
) -> None:
    link = tarfile.TarInfo("./etc")
    link.type, link.linkname = tarfile.SYMTYPE, "/tmp"
    archive.add(
        "evil", make_deb({"l": link}, control="Package: evil\nVersion: 1\nArchitecture: amd64\n")
    )
    archive.add("demo", make_deb({"./etc/passwd": b"x"}), Depends="evil")
    archive.publish()
    with pytest.raises(RegistryError, match=r"leads through etc|overwrites etc"):
        resolve()


def test_a_package_that_is_not_what_the_index_calls_it_is_refused(
    archive: Archive, make_deb: Make
) -> None:
    for control in (
        "Package: other\nVersion: 1\nArchitecture: amd64\n",
        "Package: demo\nVersion: 2\nArchitecture: amd64\n",
        "Package: demo\nVersion: 1\nArchitecture: arm64\n",
        "Package: demo\n",
    ):
        archive.stanzas.clear()
        archive.add("demo", make_deb({"./usr/bin/demo": b"demo"}, control=control))
        archive.publish()
        with pytest.raises(RegistryError, match="package demo 1 for amd64 is"):
            resolve()
