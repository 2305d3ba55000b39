"""The head of a program or shared library (ELF; elf(5), gABI 4.1)."""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

_WIDE: Final = 2
_LINKED: Final = frozenset({2, 3})
"""``ET_EXEC`` and ``ET_DYN``: no objects before linking, no cores."""

_LOAD, _NOTE = 1, 4
_BUILD_ID: Final = 3
_MOST: Final = 256
"""Program headers that are looked at; no linker writes as many."""

_ORDERS: Final = {1: "<", 2: ">"}


class Segment(NamedTuple):
    """One program header: its kind, and which bytes of the file lie at which address."""

    kind: int
    offset: int
    address: int
    size: int


class Shape(NamedTuple):
    """What the head says: the sign that :mod:`struct` has for the byte order, and segments."""

    order: str
    segments: tuple[Segment, ...]

    @property
    def end(self) -> int:
        """Where the part of the file that is loaded ends; what follows are notes of compilers."""
        return max((s.offset + s.size for s in self.segments if s.kind == _LOAD), default=0)

    def offset(self, address: int) -> int | None:
        """Return where in the file the byte of this address is, None if it is not there."""
        for segment in self.segments:
            if segment.kind == _LOAD and 0 <= address - segment.address < segment.size:
                return segment.offset + address - segment.address
        return None


def shape(head: bytes) -> Shape | None:
    """Read a file that begins with ``head``; None unless it is a program or a shared library."""
    if not head.startswith(b"\x7fELF") or head[5:6] not in {b"\x01", b"\x02"}:
        return None
    order = _ORDERS[head[5]]
    wide = head[4] == _WIDE
    header = Struct(order + ("H14xQ14xHH" if wide else "H10xI10xHH"))
    if len(head) < 16 + header.size:
        return None
    kind, place, size, count = header.unpack_from(head, 16)
    if kind not in _LINKED:
        return None
    row = Struct(order + ("I4xQQ8xQ" if wide else "IIIxxxxI"))
    segments = []
    for at in range(place, place + size * min(count, _MOST), size or 1):
        if size < row.size or at + row.size > len(head):
            break
        first, start, address, length = row.unpack_from(head, at)
        segments.append(Segment(first, start, address, length))
    return Shape(order, tuple(segments))


def build_id(head: bytes, found: Shape) -> str:
    """Return the GNU build id in hexadecimal digits; empty if there is none in ``head``."""
    fields = Struct(found.order + "III")
    for segment in found.segments:
        if segment.kind != _NOTE:
            continue
        at, end = segment.offset, min(segment.offset + segment.size, len(head))
        while at + fields.size <= end:
            named, length, kind = fields.unpack_from(head, at)
            start = at + fields.size + (named + 3 & ~3)
            if kind == _BUILD_ID and head[at + 12 : at + 16] == b"GNU\0" and start + length <= end:
                return head[start : start + length].hex()
            at = start + (length + 3 & ~3)
    return ""
