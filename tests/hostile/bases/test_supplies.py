"""Exported files of a lock: carried there and back, and what an importer must not fall for."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import fakeregistry
import pytest

from imgforge import bases, cache, lock
from imgforge.bases import supplies
from imgforge.errors import BuildFailedError, InvalidInputError, RegistryError
from imgforge.oci.layout import CorruptLayoutError, Layout
from imgforge.oci.types import Platform, sha256

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
Make = Callable[..., bytes]


class Archive(Protocol):
    files: dict[str, bytes]
    asked: list[str]
    path: str

    def add(self, name: str, package: bytes, suite: str = "trixie", **fields: str) -> str: ...

    def publish(self, **changes: str) -> None: ...


def quiet(_: str) -> None:
    pass


@pytest.fixture
def locked(archive: Archive, make_deb: Make, demo: None) -> lock.Lock:  # noqa: ARG001 - defines it
    """Lock a base of one package, from an archive that is then gone."""
    archive.path = archive.add("demo", make_deb({"./usr/bin/demo": b"demo"}))
    archive.publish()
    base = bases.resolve("demo", (AMD64,), say=quiet)
    archive.files.clear()
    archive.asked.clear()
    return lock.Lock(lock.Inputs("demo", "1", "demo", "", (AMD64,), ()), base)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that moves to another, empty cache."""
    return lambda name: monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / name))


def blobs() -> list[str]:
    return sorted(path.name for path in cache.directory("blobs").iterdir())


@pytest.mark.parametrize("kind", ["out.tar", "folder/out"])
def test_a_base_is_made_offline_of_what_was_imported(
    locked: lock.Lock,
    archive: Archive,
    elsewhere: Callable[[str], None],
    tmp_path: Path,
    kind: str,
) -> None:
    target = tmp_path / kind
    digest = supplies.export(locked, str(target), say=quiet)
    elsewhere("other")
    with pytest.raises(BuildFailedError, match="offline"):
        bases.ensure(locked.runtime, offline=True, say=quiet)
    assert supplies.import_(str(target), say=quiet) == 1
    path = bases.ensure(locked.runtime, offline=True, say=quiet)
    (top,) = Layout.open(path).index()
    assert top.digest == locked.runtime.digest
    assert archive.asked == []
    assert supplies.import_(str(target), say=quiet) == 0

    # The same lock gives the same bytes, over what was there.
    before = target.read_bytes() if target.is_file() else None
    assert supplies.export(locked, str(target), say=quiet) == digest
    assert before is None or target.read_bytes() == before
    assert [p for p in target.parent.iterdir() if p.name.startswith(".")] == []


def test_a_registry_carries_it_too(locked: lock.Lock, elsewhere: Callable[[str], None]) -> None:
    with fakeregistry.serve(fakeregistry.FakeRegistry()) as registry:
        target = f"{registry.place}/team/supplies:today"
        pinned = supplies.export(locked, target, say=quiet)
        assert pinned.startswith(f"{registry.place}/team/supplies@sha256:")
        assert supplies.export(locked, target, say=quiet) == pinned
        elsewhere("other")
        assert supplies.import_(pinned, say=quiet) == 1
        bases.ensure(locked.runtime, offline=True, say=quiet)
        elsewhere("third")
        assert supplies.import_(target, say=quiet) == 1
        assert supplies.import_(target, say=quiet) == 0
        with pytest.raises(InvalidInputError, match="names no tag"):
            supplies.export(locked, f"{registry.place}/team/supplies", say=quiet)


def test_a_registry_that_lies_is_refused(
    locked: lock.Lock, elsewhere: Callable[[str], None]
) -> None:
    with fakeregistry.serve(fakeregistry.FakeRegistry()) as registry:
        target = f"{registry.place}/team/supplies:today"
        supplies.export(locked, target, say=quiet)
        for digest, data in registry.blobs.items():
            registry.blobs[digest] = data[:-1] + b"x"
        elsewhere("other")
        with pytest.raises(RegistryError):
            supplies.import_(target, say=quiet)
        assert blobs() == []
        (media, _) = next(iter(registry.manifests.values()))
        image = b'{"schemaVersion":2,"mediaType":"%s","layers":[],"config":{}}' % media.encode()
        registry.manifests[sha256(image)] = (media, image)
        registry.tags["today"] = sha256(image)
        with pytest.raises(RegistryError, match="is no artifact of type"):
            supplies.import_(target, say=quiet)
    assert list(cache.directory().glob(".incoming-*")) == []


def test_skopeo_reads_what_was_exported(locked: lock.Lock, tmp_path: Path) -> None:
    target = tmp_path / "out"
    supplies.export(locked, str(target), say=quiet)
    shown = subprocess.run(
        ["/usr/bin/skopeo", "inspect", "--raw", f"oci:{target}"],
        check=True,
        capture_output=True,
        text=True,
    )
    manifest = json.loads(shown.stdout)
    assert manifest["artifactType"] == "application/vnd.imgforge.packages.v1"
    (layer,) = manifest["layers"]
    assert layer["mediaType"] == "application/vnd.debian.binary-package"
    assert layer["annotations"] == {"org.opencontainers.image.title": "demo_1_amd64.deb"}
    package = target / "blobs/sha256" / layer["digest"].removeprefix("sha256:")
    subprocess.run(["/usr/bin/dpkg-deb", "--info", package], check=True, capture_output=True)
    # Whoever may change the exported file must not change the cache.
    assert package.stat().st_nlink == 1


def test_packages_that_the_cache_lacks_are_fetched_for_it(
    archive: Archive,
    make_deb: Make,
    demo: None,  # noqa: ARG001 - defines the base
    elsewhere: Callable[[str], None],
    tmp_path: Path,
) -> None:
    path = archive.add("demo", make_deb({"./usr/bin/demo": b"demo"}))
    archive.publish()
    base = bases.resolve("demo", (AMD64,), say=quiet)
    made = lock.Lock(lock.Inputs("demo", "1", "demo", "", (AMD64,), ()), base)
    elsewhere("other")
    archive.asked.clear()
    with pytest.raises(BuildFailedError, match="1 files") as caught:
        supplies.export(made, str(tmp_path / "out.tar"), offline=True, say=quiet)
    assert caught.value.details == ("package demo 1 amd64",)
    supplies.export(made, str(tmp_path / "out.tar"), say=quiet)
    assert archive.asked == [path]


def test_wheels_and_npm_packages_travel_and_are_missed_by_name(
    locked: lock.Lock, elsewhere: Callable[[str], None], tmp_path: Path
) -> None:
    contents = {"uv": b"wheel", "node": b"tarball"}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    wheel = lock.Wheel("uv", "0.9", ("0" * 64,), digests["uv"], 5)
    seal = "sha512-" + "A" * 86 + "=="
    place = "@x/node/-/node-22.1.0.tgz"
    tarball = lock.Tarball("@x/node", "22.1.0", digests["node"], 7, place, seal)
    layer = lock.LockedLayer("demo", (), (wheel,), (tarball,))
    on = tuple(lock.LockedPlatform(p, "sha256:" + "0" * 64, (layer,)) for p in (AMD64, ARM64))
    base = lock.LockedBase("x", "packages", "x", "sha256:" + "0" * 64, 0, "", (), on)
    both = lock.Lock(locked.inputs, locked.runtime, base)
    with pytest.raises(BuildFailedError, match="2 files") as caught:
        supplies.export(both, str(tmp_path / "out"), say=quiet)
    assert sorted(caught.value.details) == [
        "npm package @x/node 22.1.0",
        "wheel uv 0.9 for amd64",
    ]
    for name, data in contents.items():
        (cache.directory("blobs") / digests[name]).write_bytes(data)
    supplies.export(both, str(tmp_path / "out"), say=quiet)
    elsewhere("other")
    assert supplies.import_(str(tmp_path / "out"), say=quiet) == 3
    assert set(digests.values()) < set(blobs())


def test_a_lock_of_registry_bases_has_nothing_to_export(tmp_path: Path) -> None:
    digest = "sha256:" + "0" * 64
    base = lock.LockedBase("r/x", "registry", "r/x", digest, 0, "", (), ())
    made = lock.Lock(lock.Inputs("demo", "1", "r/x", "", (AMD64,), ()), base)
    said: list[str] = []
    with pytest.raises(InvalidInputError, match="nothing"):
        supplies.export(made, str(tmp_path / "out"), say=said.append)
    assert "lies in a registry" in said[0]


def test_what_is_there_already_is_not_lost(locked: lock.Lock, tmp_path: Path) -> None:
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "file").write_text("x")
    for target in (folder, folder / "file"):
        with pytest.raises(InvalidInputError, match="no image layout"):
            supplies.export(locked, str(target), say=quiet)
    assert (folder / "file").read_text() == "x"


def test_what_is_nowhere_cannot_be_imported(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="there is no"):
        supplies.import_(str(tmp_path / "none.tar"), say=quiet)


# What hostile archives hold.


def artifact(**changes: Any) -> dict[str, bytes]:  # noqa: ANN401 - replaces parts of JSON
    """Return the files of an artifact of one small file; ``changes`` go into its layer."""
    data = changes.pop("data", b"package")
    layer = {
        "mediaType": supplies.PACKAGE,
        "digest": sha256(b"package"),
        "size": len(b"package"),
        **changes,
    }
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": sha256(b"{}"), "size": 2}
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": supplies.ARTIFACT,
            "config": empty,
            "layers": [layer],
        }
    ).encode()
    top = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": supplies.ARTIFACT,
        "digest": sha256(manifest),
        "size": len(manifest),
    }
    return {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": json.dumps({"schemaVersion": 2, "manifests": [top]}).encode(),
        "blobs/sha256/" + sha256(manifest)[7:]: manifest,
        "blobs/sha256/" + sha256(b"package")[7:]: data,
    }


def packed(files: dict[str, bytes], *more: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for member in more:
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return out.getvalue()


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


def oversized() -> bytes:
    """Return an archive whose first header announces a name of eight gigabytes."""
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 8 << 30
    return member.tobuf(tarfile.GNU_FORMAT) + bytes(10240)


BLOB = "blobs/sha256/" + sha256(b"package")[7:]
HOSTILE = {
    "traversal": packed(artifact(), tarfile.TarInfo("../../etc/cron.d/evil")),
    "absolute": packed(artifact(), tarfile.TarInfo("/etc/passwd")),
    "nested traversal": packed(artifact(), tarfile.TarInfo("blobs/sha256/../../../x")),
    "a strange file": packed(artifact(), tarfile.TarInfo("blobs/sha256/x")),
    "a link": packed(artifact(), special("blobs", tarfile.SYMTYPE, "/")),
    "a hard link": packed(artifact(), special("blobs/sha256/" + "0" * 64, tarfile.LNKTYPE, "x")),
    "a device": packed(artifact(), special("blobs/sha256/" + "0" * 64, tarfile.CHRTYPE)),
    "twice": packed(artifact(), tarfile.TarInfo(BLOB)),
    "another file": packed(artifact(data=b"packagf")),
    "a shorter file": packed(artifact(data=b"packag")),
    "a longer file": packed(artifact(data=b"package" * 999)),
    "another size": packed(artifact(size=6)),
    "a giant size": packed(artifact(size=1 << 60)),
    "a negative size": packed(artifact(size=-1)),
    "no digest": packed(artifact(digest="sha256:../../../etc/passwd")),
    "a missing file": packed(artifact(digest="sha256:" + "1" * 64)),
    "nothing": b"",
    "cut off": packed(artifact())[:2000],
    "no tar": b"x" * 4096,
    "no index": packed({"oci-layout": b"{}"}),
    "no JSON": packed({**artifact(), "index.json": b"["}),
    "nesting": packed({**artifact(), "index.json": b"[" * 100_000}),
    "a large index": packed({**artifact(), "index.json": b" " * (5 << 20)}),
    "no artifact": packed({**artifact(), "index.json": b'{"manifests":[]}'}),
    "many manifests": packed(
        {
            **artifact(),
            "index.json": json.dumps(
                {"manifests": [{"mediaType": "x", "digest": sha256(b""), "size": 0}] * 65}
            ).encode(),
        }
    ),
    "another manifest": packed(
        {
            name: data.replace(b"package", b"PACKAGE") if b"artifactType" in data else data
            for name, data in artifact().items()
            if name != "index.json"
        }
        | {"index.json": artifact()["index.json"]}
    ),
    "a giant header": oversized(),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_archive_is_refused_and_leaves_nothing(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "in.tar"
    path.write_bytes(data)
    with pytest.raises(CorruptLayoutError):
        supplies.import_(str(path), say=quiet)
    assert blobs() == []
    assert [p.name for p in tmp_path.iterdir()] == ["in.tar"]


def test_an_archive_that_another_tool_wrote_is_read(tmp_path: Path) -> None:
    for name, data in artifact().items():
        path = tmp_path / "layout" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    subprocess.run(
        ["/usr/bin/tar", "-C", tmp_path / "layout", "-cf", tmp_path / "in.tar", "."], check=True
    )
    assert supplies.import_(str(tmp_path / "in.tar"), say=quiet) == 1
    assert blobs() == [sha256(b"package")[7:]]


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_only_plain_files_of_a_directory_are_read(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "in"
    for name, data in artifact().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    path = folder / BLOB
    path.rename(tmp_path / "outside")
    if kind == "link":
        path.symlink_to(tmp_path / "outside")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(CorruptLayoutError):
        supplies.import_(str(folder), say=quiet)
    assert blobs() == []
