from __future__ import annotations

import hashlib
from pathlib import Path

import madeelf
import madeimage as made
import pytest

from imgforge.analysis import LayerFacts
from imgforge.analysis.facts import Package
from imgforge.analysis.packages import go

MODULES = (
    "path\texample.com/app/cmd/app\n"
    "mod\texample.com/app\t(devel)\t\n"
    "dep\tgithub.com/BurntSushi/toml\tv1.2.3\th1:x=\n"
    "dep\tgolang.org/x/net\tv0.1.0\n=>\texample.com/fork/net\tv0.9.0\th1:y=\n"
    "dep\texample.com/here\tv1.0.0\n=>\t./here\t(devel)\t\n"
    "build\t-compiler=gc\nbuild\tvcs.revision=0123456789abcdef\n"
)
LISTED = {
    ("example.com", "app", ""),
    ("", "stdlib", "1.22.1"),
    ("github.com/BurntSushi", "toml", "v1.2.3"),
    ("example.com/fork", "net", "v0.9.0"),
    ("example.com", "here", ""),
}
CRATES = (
    {"name": "app", "version": "0.1.0", "source": "local", "dependencies": [1, 2], "root": True},
    {"name": "serde", "version": "1.0.1", "source": "crates.io", "dependencies": [3]},
    {"name": "cc", "version": "1.1.0", "source": "crates.io", "kind": "build"},
    {"name": "serde", "version": "0.9.0", "source": "registry"},
)


def read(tmp_path: Path, *members: made.Member) -> LayerFacts:
    return made.layer(tmp_path, made.tar(*members))


def listed(rows: tuple[Package, ...]) -> set[tuple[str, str, str]]:
    return {(row.namespace, row.name, row.version) for row in rows}


@pytest.mark.parametrize("before", [0, 16 << 10, (5 << 20) - 32, 9 << 20])
def test_a_go_program_lists_what_it_was_made_of(before: int, tmp_path: Path) -> None:
    data = madeelf.elf(bytes(before) + madeelf.inline("go1.22.1 X:boringcrypto", MODULES))
    facts = read(tmp_path, made.file("app", data, 0o755))
    assert facts.problems == ()
    assert listed(facts.packages) == LISTED
    main = next(row for row in facts.packages if row.name == "app")
    assert main.depends == (
        *("example.com/fork/net", "example.com/here"),
        *("github.com/BurntSushi/toml", "stdlib"),
    )
    assert {row.found for row in facts.packages} == {"binary"}
    go_itself = next(row for row in facts.packages if row.name == "stdlib")
    assert go_itself.cpes == ("cpe:2.3:a:golang:go:1.22.1:*:*:*:*:*:*:*",)


def test_a_list_longer_than_any_window_is_read_whole(tmp_path: Path) -> None:
    text = "".join(f"dep\texample.com/m{number}\tv1.0.0\n" for number in range(90_000))
    data = madeelf.elf(bytes(8 << 20) + madeelf.inline("go1.22.1", text))
    facts = read(tmp_path, made.file("app", data, 0o755))
    assert facts.problems == ()
    assert len(facts.packages) == 90_001


@pytest.mark.parametrize("before", [0, 9 << 20])
def test_a_go_program_of_before_its_texts_followed(before: int, tmp_path: Path) -> None:
    data = madeelf.pointed("go1.16.5", MODULES, before)
    facts = read(tmp_path, made.file("app", data, 0o755))
    assert facts.problems == ()
    assert listed(facts.packages) == {*LISTED, ("", "stdlib", "1.16.5")} - {
        ("", "stdlib", "1.22.1")
    }
    # Without the linker's note nothing is kept of it, and that is said.
    data = madeelf.elf(bytes(before) + go.MAGIC + b"\x08\0" + bytes(64))
    facts = read(tmp_path, made.file("app", data, 0o755))
    assert [problem.kind for problem in facts.problems] == ["record"]
    assert facts.packages == ()


def test_marks_that_are_no_build_information_are_passed(tmp_path: Path) -> None:
    other = go.MAGIC + bytes(50) + b" " + go.MAGIC + bytes(63)
    data = madeelf.elf(other.ljust(160, b"x") + madeelf.inline("go1.22.1", MODULES))
    facts = read(tmp_path, made.file("app", data, 0o755))
    assert facts.problems == ()
    assert listed(facts.packages) == LISTED


@pytest.mark.parametrize("before", [0, 9 << 20])
def test_a_rust_program_lists_what_it_was_made_of(before: int, tmp_path: Path) -> None:
    data = madeelf.elf(bytes(before), bytes(100) + madeelf.crates(*CRATES))
    facts = read(tmp_path, made.file("app", data, 0o755))
    assert facts.problems == ()
    assert [(row.name, row.version, row.depends) for row in facts.packages] == [
        ("app", "0.1.0", ("serde",)),
        ("serde", "1.0.1", ("serde",)),
        ("serde", "0.9.0", ()),
    ]
    assert {row.ecosystem for row in facts.packages} == {"cargo"}


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_shape_of_program_is_hashed(wide: bool, order: str, tmp_path: Path) -> None:  # noqa: FBT001
    data = madeelf.elf(b"x" * 100, b"y", wide=wide, order=order)
    facts = read(tmp_path, made.file("a", data), made.file("o", madeelf.elf(kind=1)))
    assert [(b.path, b.sha256) for b in facts.binaries] == [("a", hashlib.sha256(data).hexdigest())]


def test_a_build_id_is_kept(tmp_path: Path) -> None:
    notes = madeelf.note(b"GNU", 1, bytes(16)) + madeelf.note(b"GNU", 3, bytes.fromhex("cafe01"))
    facts = read(tmp_path, made.file("a", madeelf.elf(notes=notes)))
    assert [binary.build_id for binary in facts.binaries] == ["cafe01"]


def test_a_packed_program_is_not_passed_in_silence(tmp_path: Path) -> None:
    facts = read(tmp_path, made.file("a", madeelf.elf(b"UPX!" + bytes(900))))
    assert [(p.kind, p.path) for p in facts.problems] == [("closed", "a")]


@pytest.mark.parametrize(
    ("text", "name", "version"),
    [
        (b"\0node.js/v22.1.0\0", "node", "22.1.0"),
        (b"\x003.12.4+\0%.80s (%.80s) %.80s\0", "python", "3.12.4"),
        (b"\0nginx version: nginx/1.27.0\n\0", "nginx", "1.27.0"),
        (b"\0OpenSSL 3.0.22 25 Aug 2026\0../crypto/mem_sec.c\0", "openssl", "3.0.22"),
        (b"\0OpenSSL 1.1.1w 11 Sep 2023\0crypto/mem_sec.c\0", "openssl", "1.1.1w"),
        (b"\0OpenSSL 3.0.22 25 Aug 2026\0linked to it\0", "", ""),
        (b"\0BusyBox v1.36.1 (2025-01-01)\0", "busybox", "1.36.1"),
        (b"\0 inflate 1.3.1 Copyright 1995-2024 Mark Adler \0", "zlib", "1.3.1"),
        (b"\0talks of node.js/v22.1.0\0", "", ""),
    ],
)
@pytest.mark.parametrize("before", [100, 9 << 20])
def test_programs_say_which_release_they_are(
    text: bytes, name: str, version: str, before: int, tmp_path: Path
) -> None:
    data = madeelf.elf(bytes(before) + text)
    facts = read(tmp_path, made.file("x", data, 0o755))
    found = [(row.name, row.version) for row in facts.packages]
    assert found == ([(name, version)] if name else [])


def test_uv_of_this_environment_lists_its_crates(tmp_path: Path) -> None:
    uv = Path(__import__("uv").find_uv_bin())
    facts = read(tmp_path, made.file("uv", uv.read_bytes(), 0o755))
    names = {row.name for row in facts.packages if row.ecosystem == "cargo"}
    assert {"uv", "tokio", "reqwest"} <= names
    assert facts.problems == ()
