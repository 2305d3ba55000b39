from __future__ import annotations

import io
import random
import struct
import sys
import zipfile

import pytest
from madearchive import pieces, zipped

from imgforge.analysis.zip import Whole, Zip, regular

RANDOM = random.Random(7)  # noqa: S311 - repeatable
MEMBERS = [
    ("META-INF/", b""),
    ("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\n" * 20),
    ("empty", b""),
    ("one", b"x"),
    ("noise", RANDOM.randbytes(300_000)),
    ("text", b"some text that is packed well\n" * 20_000),
    ("n\xe4me", b"\0" * 5000),
]


def read(
    data: bytes, *, window: int = 1 << 16, piece: int = 1 << 20, head: int = 0
) -> tuple[list[tuple[str, bytes]], list[tuple[str, str]], int]:
    spent = 0

    def spend(count: int) -> None:
        nonlocal spent
        spent += count

    archive = Zip(data[:head], pieces(data[head:], piece), window, spend)
    found = whole(archive)
    parts = regular(data)
    if parts is not None:
        other = Whole(data, parts, window, lambda _: None)
        assert whole(other) == found
        assert set(other.problems) <= set(archive.problems)
        assert bool(other.problems) == bool(archive.problems)
    return found, archive.problems, spent


def whole(archive: Zip | Whole) -> list[tuple[str, bytes]]:
    found = []
    for name, first in archive:
        parts = [first]
        while more := archive.read(5000):
            parts.append(more)
        found.append((name.decode(), b"".join(parts)))
    return found


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("window", [1, 1000, 1 << 20])
@pytest.mark.parametrize("piece", [3, 4096, 1 << 20])
def test_reads_what_the_standard_library_writes(
    method: int, window: int, piece: int, *, streamed: bool
) -> None:
    members = [m for m in MEMBERS if min(window, piece) > 3 or len(m[1]) < 9000]
    data = zipped(*members, method=method, streamed=streamed)
    found, problems, spent = read(data, window=window, piece=piece)
    assert (found, problems) == (members, [])
    assert regular(data) is not None
    assert spent == sum(len(content) for _, content in members)


def test_without_isal_it_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "isal", None)
    data = zipped(*MEMBERS, streamed=True)
    assert read(data)[:2] == (MEMBERS, [])


@pytest.mark.parametrize("prefix", [b"#!/usr/bin/env python3\n", bytes(5000)])
@pytest.mark.parametrize("suffix", [b"", b"appended", b"PK\1\2"])
def test_what_stands_before_and_after_is_passed(prefix: bytes, suffix: bytes) -> None:
    found, problems, _ = read(prefix + zipped(*MEMBERS) + suffix)
    assert found == MEMBERS
    assert problems == []


def test_a_false_header_that_swallows_members_is_told() -> None:
    false = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 0, 0, 0, 0, 20, 20, 1, 0) + b"x"
    problems = read(false + ONE)[1]
    assert ("unread", "zip: the directory has members that are not there") in problems


def test_zip64_lengths() -> None:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(zipfile.ZipInfo("big"), "w", force_zip64=True) as member,
    ):
        member.write(b"hello" * 1000)
    assert read(out.getvalue())[:2] == ([("big", b"hello" * 1000)], [])


def test_encrypted_and_unknown_members_are_told_and_passed() -> None:
    data = bytearray(zipped(("a", b"hello" * 10), ("b", b"world" * 10)))
    for flags in (6, data.index(b"PK\1\2") + 8):
        data[flags] |= 1
    found, problems, _ = read(bytes(data))
    assert found == [("b", b"world" * 10)]
    assert problems == [("encrypted", "zip: a member is encrypted (a)")]
    bzip2 = zipped(("a", b"hello" * 10), method=zipfile.ZIP_BZIP2)
    assert read(bzip2)[:2] == ([], [("unread", "zip: a member is packed with method 12 (a)")])


def changed(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


ONE = zipped(("a", b"hello" * 10), ("b", b"world" * 10))
DIRECTORY = ONE.index(b"PK\1\2")
LIES: dict[str, tuple[bytes, str, str]] = {
    "another name in the directory": (
        changed(ONE, DIRECTORY + 46, b"z"),
        "damaged",
        "says other things",
    ),
    "another length in the directory": (
        changed(ONE, DIRECTORY + 24, b"\xff"),
        "damaged",
        "says other things",
    ),
    "another offset in the directory": (changed(ONE, DIRECTORY + 42, b"\7"), "unread", "not there"),
    "a wrong checksum": (changed(ONE, 14, b"\0\0"), "damaged", "checksum"),
    "a wrong size": (changed(ONE, 22, b"\1"), "damaged", "length"),
    "a packed size too small": (changed(ONE, 18, b"\2"), "damaged", "truncated"),
    "a packed size too large": (changed(ONE, 18, b"\x20"), "damaged", "ends early"),
    "not deflate": (changed(ONE, 31, b"\xff\xff\xff"), "damaged", "cannot be inflated"),
    "no directory": (ONE[:DIRECTORY], "damaged", "no end"),
    "a member that the directory lacks": (
        ONE[:DIRECTORY] + zipped(("x", b"")),
        "damaged",
        "directory lacks",
    ),
}


@pytest.mark.parametrize("case", LIES)
def test_what_readers_would_take_differently_is_told(case: str) -> None:
    data, kind, word = LIES[case]
    problems = read(data)[1]
    assert any(problem == kind and word in detail for problem, detail in problems), problems


@pytest.mark.parametrize("case", LIES)
def test_archives_that_lie_are_not_regular_or_told(case: str) -> None:
    data, kind, _ = LIES[case]
    parts = regular(data)
    if parts is not None:
        archive = Whole(data, parts, 1 << 16, lambda _: None)
        list(archive)
        assert kind in {problem for problem, _ in archive.problems}


@pytest.mark.parametrize(("size", "crc"), [(0, 0), (49, None), (51, None), (50, 7)])
def test_regular_archives_with_wrong_lengths_are_read_all_the_same(
    size: int, crc: int | None
) -> None:
    data = zipped(("a", b"hello" * 10))
    for at in (14, data.index(b"PK\1\2") + 16):
        said = data[at : at + 4] if crc is None else crc.to_bytes(4, "little")
        data = changed(data, at, said + data[at + 4 : at + 8] + size.to_bytes(4, "little"))
    found, problems, _ = read(data)
    assert found == [("a", b"hello" * 10)]
    assert problems[0][0] == "damaged"


def test_each_problem_is_told_once() -> None:
    data = zipped(*((f"m{n}", b"x" * 50) for n in range(100)), method=zipfile.ZIP_LZMA)
    assert len(read(data)[1]) == 1


def test_what_spend_raises_ends_it() -> None:
    class SpentError(Exception):
        pass

    def spend(count: int) -> None:
        raise SpentError(count)

    with pytest.raises(SpentError):
        list(Zip(ONE, pieces(b"", 1), 100, spend))
