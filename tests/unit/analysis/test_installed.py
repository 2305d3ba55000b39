from __future__ import annotations

import ast
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import madeimage as made
import pytest

from imgforge.analysis import ImageFacts, analyse, packages
from imgforge.analysis.facts import Claim, Package
from imgforge.analysis.installed import unowned
from imgforge.oci.layout import Layout

ELF = b"\x7fELF\x02\x01\x01" + b"\0" * 9 + b"\x03\0\x3e\0" + b"\0" * 44
"""The header of a shared object."""
_PARSING = threading.Lock()


class Scripted:
    """A reader of files that say in Python what is read from them."""

    SUFFIXES = (".rows",)

    def wants(self, path: str, name: str) -> bool:
        """Whether it is such a file."""
        return path.endswith(name) and name.endswith(".rows")

    def read(self, path: str, data: bytes) -> list[Package]:
        """Return what it says."""
        return [row(path, **fields) for fields in self._said(data) if "owner" not in fields]

    def claims(self, path: str, data: bytes) -> list[Claim]:
        """Return what it says."""
        return [Claim(path, f["owner"], f["files"]) for f in self._said(data) if "owner" in f]

    def _said(self, data: bytes) -> list[dict[str, Any]]:
        # Layers are read side by side, and CPython 3.11 parses for one thread at a time
        # (gh-106905).
        with _PARSING:
            found: list[dict[str, Any]] = ast.literal_eval(data.decode())
        return found


def row(path: str, **fields: Any) -> Package:  # noqa: ANN401 - any field
    empty = Package("npm", "a", "1", "", "", "", (path,))
    return empty._replace(**fields)


Read = Callable[..., ImageFacts]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    reader = Scripted()
    monkeypatch.setattr(packages, "_ENDING", {".rows": (reader,)})

    def image(*layers: list[made.Member]) -> ImageFacts:
        layout = Layout.create(tmp_path / "layout")
        return analyse(layout, made.add(layout, [made.tar(*members) for members in layers]))

    return image


def said(path: str, *rows: dict[str, Any]) -> made.Member:
    return made.file(path, repr(list(rows)).encode())


def found(image: ImageFacts) -> list[tuple[str, str]]:
    return [(package.name, package.version) for package in image.packages]


def test_a_note_of_any_layer_says_more_of_what_a_record_lists(read: Read) -> None:
    image = read(
        [said("a.rows", {"licence": "", "hashes": ("sha1:00",)})],
        [
            said(
                "n.rows",
                {"found": "note", "version": "", "licence": "MIT", "hashes": ("sha256:11",)},
                {"found": "note", "version": "2", "supplier": "of another version"},
                {"found": "note", "name": "b", "licence": "of another package"},
            )
        ],
    )
    (package,) = image.packages
    assert package.licence == "MIT"
    assert package.supplier == ""
    assert package.hashes == ("sha1:00", "sha256:11")
    assert package.paths == ("a.rows", "n.rows")
    assert package.layer == image.layers[0].digest


def test_a_note_that_is_no_longer_there_says_nothing(read: Read) -> None:
    image = read(
        [said("a.rows", {}), said("n.rows", {"found": "note", "licence": "MIT"})],
        [made.file(".wh.n.rows", b"")],
    )
    assert [package.licence for package in image.packages] == [""]


def test_a_list_says_more_of_what_is_there_and_adds_nothing_beside_it(read: Read) -> None:
    lock = {"found": "lock", "hashes": ("sha512:aa",)}
    image = read(
        [
            said("app/a.rows", {}),
            said("app/x/a.rows", {}, {"name": "b", "version": "2"}),
            said("other/a.rows", {}),
            said("app/lock.rows", lock, {**lock, "name": "b"}, {**lock, "name": "left-out"}),
        ]
    )
    assert found(image) == [("a", "1"), ("a", "1"), ("a", "1"), ("b", "2")]
    hashes = {(p.paths[0], p.name): p.hashes for p in image.packages}
    assert hashes["app/a.rows", "a"] == ("sha512:aa",)
    assert hashes["app/x/a.rows", "a"] == ("sha512:aa",)
    assert hashes["app/x/a.rows", "b"] == ()
    assert hashes["other/a.rows", "a"] == ()


def test_a_list_alone_is_what_is_known(read: Read) -> None:
    lock = {"found": "lock"}
    image = read(
        [
            said("app/lock.rows", lock, {**lock, "name": "dev", "dev": True}),
            said("apple/a.rows", {"name": "c"}),
            said("app/a.rows", {"ecosystem": "pypi", "name": "d"}),
        ]
    )
    assert sorted(found(image)) == [("a", "1"), ("c", "1"), ("d", "1")]


def test_programs_that_no_visible_record_claims(read: Read) -> None:
    claim = {"owner": "deb:libc6", "files": "lib/libc.so\nusr/bin/owned\nusr/bin/link"}
    image = read(
        [
            made.folder("usr/lib"),
            made.symlink("lib", "usr/lib"),
            made.file("usr/lib/libc.so", ELF),
            made.file("usr/bin/owned", ELF, 0o755),
            made.hardlink("usr/bin/also-owned", "usr/bin/owned", 0o755),
            made.file("usr/bin/stray", ELF + b"stray", 0o755),
            made.file("usr/bin/hidden", ELF, 0o755),
            made.file("usr/bin/text", b"#!/bin/sh\n", 0o755),
            said("a.rows", claim, {"ecosystem": "deb", "name": "libc6"}),
            said("b.rows", {"owner": "deb:gone", "files": "usr/bin/stray"}),
        ],
        [made.file(".wh.b.rows", b""), made.file("usr/bin/.wh.hidden", b"")],
    )
    assert [binary.path for binary in unowned(image)] == ["usr/bin/stray"]
    assert len(image.layers[0].binaries) == 4


def test_what_was_under_a_name_before_in_the_same_layer_is_gone(read: Read) -> None:
    image = read([said("a.rows", {"name": "old"}), said("a.rows", {"name": "new"})])
    assert found(image) == [("new", "1")]
