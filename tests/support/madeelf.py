"""Programs (ELF) made byte by byte, with what compilers write into them."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

from imgforge.analysis.packages import go

_BASE = 0x400000
START, END = bytes(range(16)), bytes(range(16, 32))
"""What stands before and after Go's list."""


def elf(
    loaded: bytes = b"",
    after: bytes = b"",
    *,
    kind: int = 3,
    notes: bytes = b"",
    wide: bool = True,
    order: str = "<",
) -> bytes:
    """Return a program whose ``loaded`` bytes begin at a multiple of 16, then ``after``."""
    size, row = (64, 56) if wide else (52, 32)
    start = size + 2 * row
    place = -(-(start + len(notes)) // 16) * 16
    end = place + len(loaded)
    ident = b"\x7fELF" + bytes([1 + wide, 1 if order == "<" else 2, 1]) + bytes(9)
    head = struct.pack(
        order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"),
        *(kind, 62, 1, 0, size, 0, 0, size, row, 2, 0, 0, 0),
    )
    segments = ((1, 0, _BASE, end), (4, start, _BASE + start, len(notes)))
    rows = b"".join(
        struct.pack(order + "IIQQQQQQ", what, 4, offset, address, address, length, length, 1)
        if wide
        else struct.pack(order + "IIIIIIII", what, offset, address, address, length, length, 4, 1)
        for what, offset, address, length in segments
    )
    return (ident + head + rows + notes).ljust(place, b"\0") + loaded + after


def note(owner: bytes, kind: int, text: bytes) -> bytes:
    """Return a note."""
    named = owner + b"\0"
    return (
        struct.pack("<III", len(named), len(text), kind)
        + named.ljust(-(-len(named) // 4) * 4, b"\0")
        + text.ljust(-(-len(text) // 4) * 4, b"\0")
    )


def varint(number: int) -> bytes:
    """Return an unsigned varint."""
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def modules(text: str) -> bytes:
    """Return a list of modules as Go's linker frames it."""
    return START + text.encode() + END


def inline(version: str, text: str) -> bytes:
    """Return build information as Go writes it since 1.18."""
    framed = modules(text)
    header = go.MAGIC + b"\x08\x02" + bytes(16)
    return (
        header + varint(len(version)) + version.encode() + varint(len(framed)) + framed + bytes(16)
    )


def pointed(version: str, text: str, between: int = 0) -> bytes:
    """Return a program with build information as Go wrote it before 1.18."""
    notes = note(b"Go", 4, b"id")
    framed = modules(text)
    texts = version.encode() + framed
    place = len(elf(notes=notes))
    header = place + -(-(len(texts) + between) // 16) * 16
    pairs = header + 32
    data = texts.ljust(header - place, b"\0")
    data += go.MAGIC + b"\x08\0" + struct.pack("<QQ", _BASE + pairs, _BASE + pairs + 16)
    data += struct.pack("<QQ", _BASE + place, len(version))
    data += struct.pack("<QQ", _BASE + place + len(version), len(framed))
    return elf(data, notes=notes)


def crates(*rows: dict[str, Any]) -> bytes:
    """Return what follows all that is loaded in a program of ``cargo auditable``."""
    text = json.dumps({"packages": list(rows), "format": 1}, separators=(",", ":"))
    return zlib.compress(text.encode(), 7) + b"\0.shstrtab\0.dep-v0\0"
