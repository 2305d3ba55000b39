"""Sparse files in tar, as Go's archive/tar takes them: where holes are, and where data is.

The old GNU form has its map in the header and in blocks after it, pax 0.0 and 0.1 have it in
records, pax 1.0 at the start of the content (GNU tar manual, "Sparse Formats"). A map is a list
of pieces of data, each with its place in the file; holes are what lies between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from imgforge.analysis.tarfields import SPARSE_MAP, MalformedError, decimal, number

NAME: Final = b"GNU.sparse.name"
SIZES: Final = (b"GNU.sparse.size", b"GNU.sparse.realsize")
"""Records with the size of the file, holes and all; the first that is there counts."""

PREFIX: Final = b"GNU.sparse."
_MAJOR: Final = b"GNU.sparse.major"
_MINOR: Final = b"GNU.sparse.minor"
_COUNT: Final = b"GNU.sparse.numblocks"
_ENTRY: Final = 24
_BLOCK: Final = 512


class Data(NamedTuple):
    """A piece of data and its place in the file, in bytes."""

    offset: int
    length: int


class Part(NamedTuple):
    """A hole and the data after it; either may be empty."""

    hole: int
    data: int


def version(pax: Mapping[bytes, bytes]) -> str:
    """Return ``0`` or ``1.0`` if these records make a file sparse, empty if they do not."""
    major, minor = pax.get(_MAJOR, b""), pax.get(_MINOR, b"")
    if (major, minor) == (b"1", b"0"):
        return "1.0"
    if major == b"0" and minor in {b"0", b"1"}:
        return "0"
    return "0" if not major and not minor and pax.get(SPARSE_MAP) else ""


def entries(field: bytes) -> list[Data]:
    """Read the entries of an old GNU header or of a block after it, up to the first empty one."""
    found = []
    for at in range(0, len(field) - _ENTRY + 1, _ENTRY):
        if not field[at]:
            break
        offset = number(field[at : at + 12], "sparse offset")
        found.append(Data(offset, number(field[at + 12 : at + 24], "sparse length")))
    return found


def listed(pax: Mapping[bytes, bytes]) -> list[Data]:
    """Read the map of version 0.1: a count, and offsets and lengths with commas between."""
    text = pax.get(SPARSE_MAP, b"")
    numbers = [decimal(part, "a sparse map's entry") for part in text.split(b",") if text]
    if len(numbers) != 2 * decimal(pax.get(_COUNT, b""), "a sparse map's length"):
        raise MalformedError("a sparse map has another length than its header says")
    return _paired(numbers)


def leading(read: Callable[[int], bytes], most: int) -> list[Data]:
    """Read the map of version 1.0, lines of digits filled up to whole blocks, from the content.

    ``most`` bytes are read of it.
    """
    blocks: list[bytes] = []
    lines, wanted = 0, 1
    while lines < wanted:
        block = read(_BLOCK)
        blocks.append(block)
        lines += block.count(b"\n")
        if len(block) < _BLOCK or len(blocks) * _BLOCK > most:
            raise MalformedError("a sparse map has no end")
        if wanted == 1 and lines:
            count = b"".join(blocks).split(b"\n", 1)[0]
            wanted += 2 * decimal(count, "a sparse map's length")
    numbers = b"".join(blocks).split(b"\n")[1:wanted]
    return _paired([decimal(text, "a sparse map's entry") for text in numbers])


def parts(table: Iterable[Data], size: int, stored: int) -> list[Part]:
    """Check a map against the file's size and what is stored of it; return it as parts."""
    found, at, total = [], 0, 0
    for offset, length in table:
        if length < 0 or offset < at or offset + length > size:
            raise MalformedError("a sparse map is out of order or leaves its file")
        found.append(Part(offset - at, length))
        at = offset + length
        total += length
    if size < at or total != stored:
        raise MalformedError("a sparse map does not account for its data")
    return [*found, Part(size - at, 0)]


def shortened(whole: Iterable[Part], most: int) -> Iterator[Part]:
    """Give ``most`` bytes of holes in all, and one byte of each beyond that.

    A hole may be a million times as long as its archive.
    """
    for hole, data in whole:
        given = min(hole, max(most, 1))
        most -= given
        yield Part(given, data)


def _paired(numbers: list[int]) -> list[Data]:
    return [Data(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)]
