from __future__ import annotations

import dataclasses
import gzip
import sys
from collections.abc import Callable
from pathlib import Path

import madeimage as made
import pytest
import zstandard

from imgforge.analysis import analyse
from imgforge.oci.layout import CorruptLayoutError, Layout
from imgforge.oci.types import Platform
from imgforge.oci.types import sha256 as digest_of
from imgforge.secrets.engine import candidates
from imgforge.secrets.find import by_keyword

FILES = [made.folder("app"), made.file("app/main", b"#!/usr/bin/env -S python3\n" * 9, 0o755)]


def gzip_members(raw: bytes) -> bytes:
    return b"".join(gzip.compress(raw[at : at + 700]) for at in range(0, len(raw), 700))


def zstd_frames(raw: bytes) -> bytes:
    skippable = b"\x51\x2a\x4d\x18\x03\0\0\0abc"
    frames = [zstandard.compress(raw[at : at + 700]) for at in range(0, len(raw), 700)]
    return skippable + b"".join(frames) + skippable


@pytest.mark.parametrize(
    "compress", [bytes, gzip.compress, gzip_members, zstandard.compress, zstd_frames]
)
def test_every_compression_gives_the_same_facts(
    compress: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    layout = Layout.create(tmp_path / "layout")
    image = made.add(layout, [made.tar(*FILES)], compress=compress)
    facts = analyse(layout, image)
    assert facts.problems == ()
    assert facts.layers[0].problems == ()
    assert list(facts.files) == ["app", "app/main"]
    assert facts.layers[0].diff_id == digest_of(made.tar(*FILES))
    assert facts.interpreter(facts.files["app/main"]) == "/usr/bin/env -S python3"


def test_the_slower_libraries_give_the_same_facts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = made.tar(*FILES, made.file("x.env", b"DB_PASSWORD=Xk29fjw8s0\n"))
    fast = made.layer(tmp_path, gzip_members(raw))
    for name in ("isal", "hyperscan"):
        monkeypatch.setitem(sys.modules, name, None)
    blob = tmp_path / "again"
    blob.write_bytes(gzip_members(raw))
    slow = made.read(blob, candidates.__wrapped__(None))
    assert slow.secrets
    assert slow == fast
    blob.write_bytes(gzip_members(raw)[:-12])
    assert [p.kind for p in made.read(blob, by_keyword).problems] == ["malformed"]


def test_facts_of_the_whole(tmp_path: Path) -> None:
    layout = Layout.create(tmp_path / "layout")
    image = made.add(layout, [made.tar(*FILES)], config={"User": "1", "Env": ["A=1", "A=2"]})
    facts = analyse(layout, image)
    assert facts.digest == image.digest
    assert facts.platform == Platform("linux", "amd64")
    assert facts.settings.variable("A") == "2"
    assert facts.config["config"]["User"] == "1"
    assert facts.settings.history == ("imgforge",)


def test_an_index_that_names_another_platform_is_a_problem(tmp_path: Path) -> None:
    layout = Layout.create(tmp_path / "layout")
    image = made.add(layout, [made.tar(*FILES)])
    arm = dataclasses.replace(image, platform=Platform("linux", "arm64"))
    assert [problem.kind for _, problem in analyse(layout, arm).problems] == ["malformed"]
    same = dataclasses.replace(image, platform=Platform("linux", "amd64", "v2"))
    assert analyse(layout, same).problems == ()


def test_an_index_is_no_image(tmp_path: Path) -> None:
    layout = Layout.create(tmp_path / "layout")
    image = made.add(layout, [])
    with pytest.raises(CorruptLayoutError):
        analyse(layout, dataclasses.replace(image, media_type="application/json"))


def test_the_cache_answers_without_the_blob(tmp_path: Path) -> None:
    layout, cache = Layout.create(tmp_path / "layout"), tmp_path / "cache"
    cache.mkdir()
    text = made.file("etc/app.env", b"DB_PASSWORD=Xk29fjw8s0\n")
    image = made.add(layout, [made.tar(*FILES, text), made.tar(made.file("app/.wh.main"))])
    cold = analyse(layout, image, cache=cache)
    for descriptor in layout.read_json(image)["layers"]:
        layout.blob_path(descriptor["digest"]).unlink()
    warm = analyse(layout, image, cache=cache)
    assert warm == cold
    assert cold.layers[0].secrets


def test_the_cache_never_holds_a_secret(tmp_path: Path) -> None:
    layout, cache = Layout.create(tmp_path / "layout"), tmp_path / "cache"
    cache.mkdir()
    image = made.add(layout, [made.tar(made.file("x.env", b"DB_PASSWORD=Xk29fjw8s0\n"))])
    facts = analyse(layout, image, cache=cache)
    assert [hit.rule for hit in facts.layers[0].secrets] == ["assigned-secret"]
    (kept,) = cache.glob("*.facts")
    assert b"Xk29" not in kept.read_bytes()
    assert kept.stat().st_mode & 0o077 == 0


def test_a_repeated_layer_is_read_once_and_applied_each_time(tmp_path: Path) -> None:
    layout = Layout.create(tmp_path / "layout")
    raw = made.tar(*FILES)
    facts = analyse(layout, made.add(layout, [raw, made.tar(made.file(".wh.app")), raw]))
    assert facts.files["app/main"].layer == 2


DEB = b"""Package: %s
Status: install ok %s
Version: %s
Architecture: amd64
Maintainer: A Team <a@b.c>
"""
COPYRIGHT = b"""Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: x
License: GPL-2+ or Expat
 text

Files: b
License: Zlib
"""


def test_packages_of_the_final_image(tmp_path: Path) -> None:
    status = [DEB % (b"libc6", b"installed", b"2.41-1+b1"), DEB % (b"gone", b"config-files", b"1")]
    more = [*status, DEB % (b"zlib1g", b"installed", b"1:1.3.dfsg-3")]
    metadata = (
        b"Metadata-Version: 2.4\nName: My.Pkg\nVersion: 1.0\nLicense-Expression: MIT\n\nText\n"
    )
    facts = made.facts(
        tmp_path,
        [
            made.file("etc/os-release", b'ID=debian\nVERSION_ID="13"\n'),
            made.file("var/lib/dpkg/status", b"\n".join(status)),
            made.file("usr/share/doc/libc6/copyright", COPYRIGHT),
            made.file("a/old-1.dist-info/METADATA", b"Name: old\nVersion: 1\n"),
        ],
        [
            made.file("var/lib/dpkg/status", b"\n".join(more)),
            made.file("a/.wh.old-1.dist-info"),
            made.file("a/my_pkg-1.0.dist-info/METADATA", metadata),
        ],
    )
    low, high = (layer.digest for layer in facts.layers)
    assert [(p.name, p.purl, p.licence, p.layer) for p in facts.packages] == [
        (
            "libc6",
            "pkg:deb/debian/libc6@2.41-1%2Bb1?arch=amd64&distro=debian-13",
            "(GPL-2.0-or-later OR MIT) AND Zlib",
            low,
        ),
        ("zlib1g", "pkg:deb/debian/zlib1g@1:1.3.dfsg-3?arch=amd64&distro=debian-13", "", high),
        ("my-pkg", "pkg:pypi/my-pkg@1.0", "MIT", high),
    ]


def test_distroless_package_records(tmp_path: Path) -> None:
    facts = made.facts(
        tmp_path,
        [
            made.file("var/lib/dpkg/status.d/base", b"Package: base-files\nVersion: 13\n"),
            made.file("var/lib/dpkg/status.d/base.md5sums", b"0  etc/x\n"),
        ],
    )
    assert [(p.name, p.version) for p in facts.packages] == [("base-files", "13")]


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("x/a.dist-info/METADATA", b"Name: a\n"),
        ("x/a.dist-info/METADATA", b"\xff\xfe\x00" * 50),
        ("var/lib/dpkg/status", b"Version: 1\n"),
        ("var/lib/dpkg/status", b"no field here\n"),
    ],
)
def test_broken_package_records_are_problems(path: str, data: bytes, tmp_path: Path) -> None:
    facts = made.facts(tmp_path, [made.file(path, data)])
    assert [problem.kind for problem in facts.layers[0].problems] == ["record"]
    assert facts.packages == ()


def test_purls_are_those_of_the_reference_library(tmp_path: Path) -> None:
    from packageurl import PackageURL

    status = DEB % (b"libstdc++6", b"installed", b"14.2.0-19~x+y:z")
    facts = made.facts(
        tmp_path,
        [
            made.file("usr/lib/os-release", b"ID=ubuntu\nVERSION_ID=24.04\n"),
            made.symlink("etc/os-release", "../usr/lib/os-release"),
            made.file("var/lib/dpkg/status", status),
            made.file("a.dist-info/METADATA", b"Name: a_b\nVersion: 1!2.0+local.1\n"),
        ],
    )
    deb, pypi = facts.packages
    qualifiers = {"arch": "amd64", "distro": "ubuntu-24.04"}
    for package, namespace, wanted in ((deb, "ubuntu", qualifiers), (pypi, None, {})):
        read = PackageURL.from_string(package.purl)
        made_there = PackageURL(package.ecosystem, namespace, package.name, package.version, wanted)
        assert read == made_there
        assert made_there.to_string().lower() == package.purl.lower()
