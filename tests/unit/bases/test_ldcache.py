from __future__ import annotations

import itertools
import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

from imgforge.bases import ldcache
from imgforge.bases.tree import Tree
from imgforge.oci.layer import Entry

LIB = "usr/lib/x86_64-linux-gnu"
DIRECTORIES = ("usr/local/lib", LIB, "usr/lib")


def library(soname: str | None, machine: int = 62) -> bytes:
    """Make the smallest shared object that has a dynamic section."""
    strings = b"\0" + (soname or "").encode() + b"\0"
    dynamic = struct.pack("<QQQQ", 5, 0x1000, *((14, 1) if soname else (1, 1))) + bytes(16)
    where = 64 + 2 * 56
    load = struct.pack("<IIQQQQQQ", 1, 4, where, 0x1000, 0x1000, len(strings), len(strings), 1)
    at = where + len(strings)
    linking = struct.pack("<IIQQQQQQ", 2, 4, at, at, at, len(dynamic), len(dynamic), 8)
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 3, machine, 1)
    head += struct.pack("<QQQIHHHHHH", 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    return head + load + linking + strings + dynamic


def tree(files: Mapping[str, bytes | str]) -> Tree:
    entries = {}
    for name, content in files.items():
        path = name if "/" in name else f"{LIB}/{name}"
        if isinstance(content, str):
            entries[path] = Entry(path, 0o777, link=content)
        else:
            entries[path] = Entry(path, 0o644, data=content)
    return entries


def decode(data: bytes) -> list[tuple[int, str, str]]:
    """Read a cache as the loader does: flags, name and path of each entry."""
    magic, count, _, endian, extension = struct.unpack_from("<20sIIB3xI", data)
    assert (magic, endian, extension) == (b"glibc-ld.so.cache1.1", 2, 0)

    def text(at: int) -> str:
        return data[at : data.index(b"\0", at)].decode()

    rows = [struct.unpack_from("<iIIIQ", data, 48 + i * 24) for i in range(count)]
    assert all((version, capability) == (0, 0) for *_, version, capability in rows)
    return [(flags, text(key), text(value)) for flags, key, value, *_ in rows]


def test_entries_hold_flags_name_and_path() -> None:
    data = ldcache.render(
        tree({"libz.so.1": "libz.so.1.3", "libz.so.1.3": library("libz.so.1")}),
        DIRECTORIES,
        "amd64",
    )
    assert data is not None
    assert decode(data) == [(0x0303, "libz.so.1", f"/{LIB}/libz.so.1")]


def test_arm64_has_its_own_flags_and_takes_no_foreign_library() -> None:
    files = tree({"libz.so.1": library("libz.so.1", 183), "libx.so.1": library("libx.so.1")})
    data = ldcache.render(files, DIRECTORIES, "arm64")
    assert data is not None
    assert decode(data) == [(0x0A03, "libz.so.1", f"/{LIB}/libz.so.1")]


def test_order_is_descending_with_numbers_by_value() -> None:
    names = ["libb.so.2", "libb.so.10", "liba.so.1", "libb2.so.1", "libb-1.so", "lib10.so.1"]
    data = ldcache.render(tree({n: library(n) for n in names}), DIRECTORIES, "amd64")
    assert data is not None
    found = [name for _, name, _ in decode(data)]
    assert sorted(found) == sorted(names)
    assert all(ldcache.compare(a, b) > 0 for a, b in itertools.pairwise(found))
    assert found.index("libb.so.10") < found.index("libb.so.2")


@pytest.mark.parametrize(
    ("low", "high"),
    [("liba.so.2", "liba.so.10"), ("liba.so", "liba.so.1"), ("liba.so", "liba1.so"), ("a", "b")],
)
def test_comparison_is_glibcs(low: str, high: str) -> None:
    assert ldcache.compare(low, high) < 0 < ldcache.compare(high, low)
    assert ldcache.compare(low, low) == 0


def test_development_links_and_other_files_are_left_out() -> None:
    files = tree(
        {
            "libz.so": "libz.so.1",
            "libz.so.1": library("libz.so.1"),
            "libscript.so": b"INPUT ( -lz )",
            "module.so": library("module.so"),
            "libgone.so.1": "nowhere",
            "libloop.so.1": "libloop.so.1",
            "sub/libdeep.so.1": library("libdeep.so.1"),
            f"{LIB}/sub/libdeep.so.1": library("libdeep.so.1"),
            "libplain.so": library(None),
        }
    )
    data = ldcache.render(files, DIRECTORIES, "amd64")
    assert data is not None
    assert [name for _, name, _ in decode(data)] == ["libz.so.1", "libplain.so"]


def test_earlier_directories_win() -> None:
    files = tree(
        {
            "libz.so.1": library("libz.so.1"),
            "usr/local/lib/libz.so.1": library("libz.so.1"),
        }
    )
    data = ldcache.render(files, DIRECTORIES, "amd64")
    assert data is not None
    assert decode(data) == [(0x0303, "libz.so.1", "/usr/local/lib/libz.so.1")]


def test_without_libraries_there_is_no_cache() -> None:
    assert ldcache.render({}, DIRECTORIES, "amd64") is None


def test_broken_elf_files_are_no_libraries() -> None:
    whole = library("libz.so.1")
    assert ldcache._soname(whole, 62) == "libz.so.1"
    for size in range(len(whole)):
        assert ldcache._soname(whole[:size], 62) in {None, "", "libz.so.1"}
    for at in range(16, len(whole)):
        spoilt = bytearray(whole)
        spoilt[at] ^= 0xFF
        ldcache._soname(bytes(spoilt), 62)


def test_the_machines_own_libraries_are_understood() -> None:
    libc = next(Path("/usr/lib").glob("*-linux-gnu/libc.so.6"), None)
    if libc is not None:
        data = libc.read_bytes()
        assert ldcache._soname(data, struct.unpack_from("<H", data, 18)[0]) == "libc.so.6"
