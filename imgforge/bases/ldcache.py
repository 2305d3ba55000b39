"""``/etc/ld.so.cache``, written from the libraries' own ELF headers.

``ldconfig`` leaves foreign architectures out, so a base's bytes would depend on the machine that
made it. The format is glibc's 1.1 (elf/cache.c and sysdeps/generic/dl-cache.h of glibc: a header,
entries in descending order of soname, then the strings); hardware-specific subdirectories are not
listed, and the loader then takes the generic library.
"""

from __future__ import annotations

import functools
import posixpath
import re
import struct
from collections.abc import Iterable, Iterator

from imgforge.bases.tree import Merged
from imgforge.oci.layer import Entry

_MAGIC = b"glibc-ld.so.cache1.1"
_LITTLE_ENDIAN = 2
_HEADER = struct.Struct("<20sIIB3xI12x")
_ENTRY = struct.Struct("<iIIIQ")
_MACHINES = {"amd64": (62, 0x0303), "arm64": (183, 0x0A03)}
"""ELF machine, and glibc's flags: an ELF library of libc6, 64-bit of that architecture."""

_LIBRARY = re.compile(r"(?:lib.+|ld-.+)\.so(?:\..+)?")
_PT_LOAD, _PT_DYNAMIC, _DT_STRTAB, _DT_SONAME, _ET_DYN = 1, 2, 5, 14, 3
_LINKS = 16


def render(tree: Merged, directories: Iterable[str], architecture: str) -> bytes | None:
    """Return the cache for the libraries in ``directories``; None if there is not one."""
    machine, flags = _MACHINES[architecture]
    found: dict[str, str] = {}
    for directory in directories:
        for name, soname in sorted(_libraries(tree, directory, machine)):
            if soname in {"", name}:
                found.setdefault(name, f"/{directory}/{name}")
    if not found:
        return None
    order = functools.cmp_to_key(compare)
    names = sorted(found, key=order, reverse=True)
    start = _HEADER.size + len(names) * _ENTRY.size
    entries, strings = bytearray(), bytearray()
    for name in names:
        path = found[name].encode()
        key = start + len(strings) + len(path) - len(name.encode())
        entries += _ENTRY.pack(flags, key, start + len(strings), 0, 0)
        strings += path + b"\0"
    head = _HEADER.pack(_MAGIC, len(names), len(strings), _LITTLE_ENDIAN, 0)
    return head + bytes(entries) + bytes(strings)


def compare(a: str, b: str) -> int:
    """Order names as glibc's binary search expects: runs of digits by their value."""
    for left, right in zip(_runs(a), _runs(b), strict=False):
        if left != right:
            if left.isdigit() and right.isdigit():
                if int(left) != int(right):
                    return int(left) - int(right)
            elif left.isdigit() != right.isdigit():
                return 1 if left.isdigit() else -1
            else:
                return -1 if left < right else 1
    return 0


def _runs(name: str) -> list[str]:
    return [*re.findall(r"[0-9]+|[^0-9]", name), ""]


def _libraries(tree: Merged, directory: str, machine: int) -> Iterator[tuple[str, str]]:
    prefix = directory + "/"
    for path in tree:
        name = path.removeprefix(prefix)
        if path.startswith(prefix) and "/" not in name and _LIBRARY.fullmatch(name):
            entry = followed(tree, path)
            if entry is not None and entry.data is not None:
                soname = _soname(entry.data, machine)
                if soname is not None:
                    yield name, soname


def followed(tree: Merged, path: str) -> Entry | None:
    """Return the entry that ``path`` stands for, symbolic links at its end followed."""
    for _ in range(_LINKS):
        entry = tree.get(path)
        if entry is None or entry.link is None:
            return entry
        path = posixpath.normpath(posixpath.join("/", posixpath.dirname(path), entry.link))[1:]
    return None


def _soname(data: bytes, machine: int) -> str | None:
    """Return the soname of a 64-bit shared object, empty if it has none; None for other files."""
    try:
        kind, got = struct.unpack_from("<HH", data, 16)
        if data[:6] != b"\x7fELF\x02\x01" or (kind, got) != (_ET_DYN, machine):
            return None
        (table,) = struct.unpack_from("<Q", data, 32)
        size, count = struct.unpack_from("<HH", data, 54)
        segments = [struct.unpack_from("<IIQQQQ", data, table + i * size) for i in range(count)]
        dynamic = next((s for s in segments if s[0] == _PT_DYNAMIC), None)
        if dynamic is None:
            return None
        values = dict(
            struct.unpack_from("<QQ", data, dynamic[2] + at) for at in range(0, dynamic[5] - 15, 16)
        )
        if _DT_SONAME not in values:
            return ""
        strings = values[_DT_STRTAB]
        load = next(s for s in segments if s[0] == _PT_LOAD and s[3] <= strings < s[3] + s[5])
        start = strings - load[3] + load[2] + values[_DT_SONAME]
        return data[start : data.index(b"\0", start)].decode("ascii")
    except (struct.error, KeyError, StopIteration, ValueError, OverflowError):
        return None
