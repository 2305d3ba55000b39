"""The header of one RPM package as its database keeps it (rpm's docs/manual/format_header.md).

Two big-endian counts (index entries, bytes of data), the index, the data. Of the tags only those
are decoded that are asked for; every count and offset is held against the bytes that there are.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import Final

NAME: Final = 1000
VERSION: Final = 1001
RELEASE: Final = 1002
EPOCH: Final = 1003
VENDOR: Final = 1011
LICENCE: Final = 1014
PACKAGER: Final = 1015
ARCHITECTURE: Final = 1022
OLD_FILES: Final = 1027
MODES: Final = 1030
SOURCE: Final = 1044
PROVIDES: Final = 1047
REQUIRES: Final = 1049
FOLDER_OF: Final = 1116
BASENAMES: Final = 1117
FOLDERS: Final = 1118
MODULE: Final = 5096
"""Tags (rpmtag.h) that are read here."""

Values = tuple[int, ...] | tuple[str, ...]
"""What a tag has: numbers or texts, by its type."""

_COUNTS: Final = struct.Struct(">II")
_ENTRY: Final = struct.Struct(">IIII")
_ENTRIES: Final = 1 << 16
_MOST: Final = 1 << 20
"""Values of one tag, files most of all."""

_NUMBERS: Final = {2: ("B", 1), 3: ("H", 2), 4: ("I", 4), 5: ("Q", 8)}
_STRING: Final = 6
_LISTS: Final = frozenset({8, 9})


def decode(blob: bytes, tags: Collection[int]) -> dict[int, Values]:
    """Return the values of those of ``tags`` that the header has; ValueError if it is broken.

    Later entries of a tag replace earlier ones, as they do when rpm adds to what was signed.
    Texts' bytes that are no UTF-8 become surrogate escapes.
    """
    if len(blob) < _COUNTS.size:
        raise ValueError("a package's header is cut off")
    entries, size = _COUNTS.unpack_from(blob)
    start = _COUNTS.size + entries * _ENTRY.size
    if not 0 < entries <= _ENTRIES or start + size > len(blob):
        raise ValueError(f"a package's header has no {entries} entries and {size} bytes of data")
    data = blob[start : start + size]
    index = _ENTRY.iter_unpack(blob[_COUNTS.size : start])
    last = {entry[0]: entry for entry in index if entry[0] in tags}
    return {tag: _values(data, *entry) for tag, entry in last.items()}


def _values(data: bytes, tag: int, kind: int, offset: int, count: int) -> Values:
    if count > _MOST:
        raise ValueError(f"tag {tag} of a package's header has over {_MOST} values")
    if kind in _NUMBERS:
        letter, width = _NUMBERS[kind]
        if offset + count * width > len(data):
            raise ValueError(f"tag {tag} of a package's header lies outside of it")
        return struct.unpack_from(f">{count}{letter}", data, offset)
    if kind == _STRING:
        count = 1
    elif kind not in _LISTS:
        raise ValueError(f"tag {tag} of a package's header has the unknown type {kind}")
    # Each text takes a byte at least: its end.
    if count == 0 or offset + count > len(data):
        raise ValueError(f"tag {tag} of a package's header lies outside of it")
    texts = data[offset:].split(b"\0", count)
    if len(texts) <= count:
        raise ValueError(f"tag {tag} of a package's header is cut off")
    return tuple(text.decode(errors="surrogateescape") for text in texts[:count])
