"""Ubuntu's layout: two components, and architectures that lie in an archive of their own."""

from __future__ import annotations

import http.server
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from imgforge import bases, lock
from imgforge.errors import RegistryError
from imgforge.oci.types import Platform

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
SUITES = ("noble", "noble-updates", "noble-security")
UBUNTU, PORTS = "ubuntu/", "ubuntu-ports/"
Make = Callable[..., bytes]


class Archive(Protocol):
    url: str
    files: dict[str, bytes]
    faults: dict[str, Callable[[http.server.BaseHTTPRequestHandler], None]]
    asked: list[str]

    def add(
        self, name: str, package: bytes, suite: str, *, place: str, root: str, **fields: str
    ) -> str: ...

    def publish(
        self, suites: tuple[str, ...], places: tuple[str, ...], root: str, **changes: str
    ) -> None: ...


def quiet(_: str) -> None:
    pass


def publish(archive: Archive, root: str, arch: str) -> None:
    places = tuple(f"{component}/binary-{arch}" for component in ("main", "universe"))
    for suite in SUITES:
        # All pockets have the code name of the release, as at Ubuntu.
        archive.publish((suite,), places, root, Codename="noble")


@pytest.fixture
def ubuntu(
    archive: Archive, make_deb: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Archive:
    for root, arch in ((UBUNTU, "amd64"), (PORTS, "arm64")):
        control = f"Package: demo\nVersion: 1\nArchitecture: {arch}\n"
        demo = make_deb({"./usr/bin/demo": arch.encode()}, control=control)
        place = f"universe/binary-{arch}"
        archive.add("demo", demo, "noble", place=place, root=root, Depends="lib")
        control = f"Package: lib\nVersion: 1\nArchitecture: {arch}\n"
        files = {"./usr/lib/lib.so": arch.encode()}
        lib = make_deb(files, control=control, compression="zst")
        place = f"main/binary-{arch}"
        archive.add("lib", lib, "noble-security", place=place, root=root)
        publish(archive, root, arch)
    folder = tmp_path / "definitions"
    folder.mkdir()
    (folder / "demo.toml").write_text(
        'name = "demo"\nsummary = "x"\npackages = ["demo"]\n'
        "[suite.noble]\nend-of-life = 2100-01-01\n"
    )
    monkeypatch.setenv("IMGFORGE_BASES", str(folder))
    monkeypatch.setenv("IMGFORGE_UBUNTU_MIRROR", archive.url + "/ubuntu")
    monkeypatch.setenv("IMGFORGE_UBUNTU_SECURITY_MIRROR", archive.url + "/ubuntu/")
    monkeypatch.setenv("IMGFORGE_UBUNTU_PORTS_MIRROR", archive.url + "/ubuntu-ports")
    monkeypatch.setenv("IMGFORGE_UBUNTU_KEYRING", str(tmp_path / "ring.gpg"))
    return archive


def resolve() -> lock.LockedBase:
    return bases.resolve("demo", (AMD64, ARM64), say=quiet)


def test_each_architecture_comes_from_its_archive(
    ubuntu: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = resolve()
    for platform, arch in ((AMD64, "amd64"), (ARM64, "arm64")):
        demo, lib = base.on(platform).layers[0].packages
        assert (demo.path, demo.suite) == (f"pool/universe/demo_1_{arch}.deb", "noble")
        assert (lib.path, lib.suite) == (f"pool/main/lib_1_{arch}.deb", "noble-security")
    assert f"{PORTS}pool/universe/demo_1_arm64.deb" in ubuntu.asked
    assert f"{UBUNTU}pool/universe/demo_1_amd64.deb" in ubuntu.asked
    # The Release files of two archives differ, and the lock names both.
    assert [a.suite for a in base.archives] == [*SUITES, *SUITES]

    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "elsewhere"))
    ubuntu.asked.clear()
    bases.ensure(base, say=quiet)
    assert sorted(ubuntu.asked) == [
        f"{PORTS}pool/main/lib_1_arm64.deb",
        f"{PORTS}pool/universe/demo_1_arm64.deb",
        f"{UBUNTU}pool/main/lib_1_amd64.deb",
        f"{UBUNTU}pool/universe/demo_1_amd64.deb",
    ]


def test_one_pocket_cannot_stand_for_another(ubuntu: Archive) -> None:
    updates = ubuntu.files[f"{UBUNTU}dists/noble-updates/InRelease"]
    ubuntu.files[f"{UBUNTU}dists/noble/InRelease"] = updates
    with pytest.raises(RegistryError, match=r"is for noble \(noble-updates\), wanted noble"):
        resolve()


def test_a_component_that_is_missing_is_named(ubuntu: Archive) -> None:
    ubuntu.publish(("noble",), ("main/binary-amd64",), UBUNTU)
    with pytest.raises(RegistryError, match="noble has no package index for amd64 in universe"):
        resolve()


def test_without_a_ports_mirror_the_snapshot_service_has_them(
    ubuntu: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IMGFORGE_UBUNTU_PORTS_MIRROR")
    monkeypatch.setenv("IMGFORGE_UBUNTU_SNAPSHOT_MIRROR", ubuntu.url + "/snapshot")
    with pytest.raises(RegistryError, match=r"/snapshot/ubuntu/\d{8}T\d{6}Z/dists/noble"):
        resolve()
    assert not [path for path in ubuntu.asked if path.startswith(PORTS)]
