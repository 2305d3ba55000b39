"""RPM databases of every kind, made entry by entry: what rpm itself makes is in integration."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from collections.abc import Mapping, Sequence

TAGS = {
    "name": 1000,
    "version": 1001,
    "release": 1002,
    "epoch": 1003,
    "vendor": 1011,
    "licence": 1014,
    "arch": 1022,
    "old_files": 1027,
    "modes": 1030,
    "source": 1044,
    "provides": 1047,
    "requires": 1049,
    "folder_of": 1116,
    "basenames": 1117,
    "folders": 1118,
    "module": 5096,
}
SHORT = frozenset({"modes"})

Value = str | int | Sequence[str] | Sequence[int]


def header(**values: Value) -> bytes:
    """Return a header; texts are strings, sequences of texts arrays, numbers 32 bits (modes 16)."""
    entries, data = [], b""
    for name, value in {"name": "a", "version": "1", "release": "2", **values}.items():
        many = [value] if isinstance(value, str | int) else list(value)
        if isinstance(value, str):
            kind, content = 6, value.encode(errors="surrogateescape") + b"\0"
        elif many and isinstance(many[0], str):
            kind, content = 8, b"".join(str(v).encode() + b"\0" for v in many)
        else:
            width, kind = (2, 3) if name in SHORT else (4, 4)
            data += bytes(-len(data) % width)
            content = struct.pack(f">{len(many)}{'H' if width == 2 else 'I'}", *many)
        entries.append((TAGS[name], kind, len(data), len(many)))
        data += content
    return raw(entries, data)


def raw(entries: Sequence[tuple[int, int, int, int]], data: bytes) -> bytes:
    """Return a header of index entries (tag, type, offset, count) and data, right or wrong."""
    index = b"".join(struct.pack(">IIII", *entry) for entry in entries)
    return struct.pack(">II", len(entries), len(data)) + index + data


def sqlite(*blobs: object, wal: bool = True) -> bytes:
    """Return ``rpmdb.sqlite`` with these rows, marked as one that has a log beside it."""
    with sqlite3.connect(":memory:") as base:
        base.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB)")
        base.executemany("INSERT INTO Packages (blob) VALUES (?)", [(blob,) for blob in blobs])
        base.commit()
        data = bytearray(base.serialize())
    base.close()
    if wal:
        data[18:20] = b"\2\2"
    return bytes(data)


def ndb(*blobs: bytes, slots: Mapping[int, tuple[int, int, int]] | None = None) -> bytes:
    """Return ``Packages.db``; ``slots`` replaces slots by number: package, block, blocks."""
    body, found = b"", []
    for number, blob in enumerate(blobs, 1):
        start = struct.pack("<IIII", int.from_bytes(b"BlbS", "little"), number, 7, len(blob))
        area = start + blob + bytes(-(len(blob) + 12) % 16)
        tail = struct.pack("<III", zlib.adler32(area), len(blob), int.from_bytes(b"BlbE", "little"))
        found.append((number, (4096 + len(body)) // 16, (len(area) + 12) // 16))
        body += area + tail
    found += [(0, 0, 0)] * (254 - len(found))
    for place, slot in (slots or {}).items():
        found[place] = slot
    magic = int.from_bytes(b"Slot", "little")
    head = struct.pack("<4sIII", b"RpmP", 0, 1, 1) + bytes(16)
    return head + b"".join(struct.pack("<IIII", magic, *slot) for slot in found) + body


def berkeley(*blobs: bytes, size: int = 512, order: str = "<") -> bytes:
    """Return ``Packages``: a hash of one page whose values lie on pages that follow."""
    pages: list[bytes] = []
    entries = []
    for blob in blobs:
        entries.append((len(pages) + 2, len(blob)))
        pieces = [blob[at : at + size - 26] for at in range(0, len(blob), size - 26)]
        for place, piece in enumerate(pieces):
            number = len(pages) + 2
            after = number + 1 if place + 1 < len(pieces) else 0
            head = struct.pack(f"{order}8xIIIHHBB", number, 0, after, 1, len(piece), 0, 7)
            pages.append((head + piece).ljust(size, b"\0"))
    offsets, content = [], b""
    for number, (page, length) in enumerate([(0, 0), *entries]):
        key = struct.pack(f"{order}BI", 1, number)
        value = struct.pack(f"{order}BxxxII", 3, page, length) if page else key
        for part in (key, value):
            content = part + content
            offsets.append(size - len(content))
    head = struct.pack(f"{order}8xIIIHHBB", 1, 0, 0, len(offsets), offsets[-1], 0, 13)
    index = struct.pack(f"{order}{len(offsets)}H", *offsets)
    middle = bytes(size - len(head) - len(index) - len(content))
    meta = struct.pack(f"{order}8xIIIIBBBBII", 0, 0x061561, 9, size, 0, 8, 0, 0, 0, len(pages) + 1)
    return meta.ljust(size, b"\0") + head + index + middle + content + b"".join(pages)
