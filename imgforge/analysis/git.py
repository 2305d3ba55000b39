"""What git keeps: packs (gitformat-pack(5)) and loose objects, all of which are zlib streams.

A deleted password lives on in them, and no search sees it in packed bytes. Deltas are given as
they are: what they insert is in plain text.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Final

from imgforge.analysis.compression import PIECE, CompressionError, Read

PACK: Final = re.compile(rb"PACK\0\0\0[\x02\x03]")

_BITE: Final = 2 << 10
"""Packed bytes given to zlib at once: what it leaves over is copied."""

_LOOSE: Final = re.compile(rb"(?:blob|tree|commit|tag) [0-9]{1,19}\0")
_START: Final = 32
_ZLIB: Final = b"\x78"
_WHOLE: Final = frozenset({1, 2, 3, 4})
_OFFSET_DELTA, _NAME_DELTA = 6, 7
_NAME: Final = 20


def is_loose(head: bytes) -> bool:
    """Whether a loose object begins so: zlib's header, and git's in what it holds."""
    if head[:1] != _ZLIB or int.from_bytes(head[:2]) % 31:
        return False
    try:
        return _LOOSE.match(zlib.decompressobj().decompress(head[:512], _START)) is not None
    except zlib.error:
        return False


def loose(read: Read) -> Iterator[bytes]:
    """Yield what one loose object holds; CompressionError if it is not whole."""
    return _Packed(read).inflated()


def objects(read: Read) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield each object of a pack, called by its offset, and what it holds.

    What is not taken of one is passed over. CompressionError if the pack is broken.
    """
    packed = _Packed(read)
    for _ in range(int.from_bytes(packed.take(12)[8:])):
        name, first = f"{packed.offset:x}", packed.number()
        kind = first >> 4 & 7
        if kind == _OFFSET_DELTA:
            packed.number()
        elif kind == _NAME_DELTA:
            packed.take(_NAME)
        elif kind not in _WHOLE:
            raise CompressionError(f"git pack has an object of the unknown type {kind}")
        pieces = packed.inflated()
        yield name, pieces
        for _rest in pieces:
            pass


class _Packed:
    """A stream of which parts are numbers and parts are zlib's."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._data = b""
        self._at = 0
        self.offset = 0

    def take(self, count: int) -> bytes:
        """Return exactly so many bytes; CompressionError if there are fewer."""
        data = self._some(count)
        while len(data) < count:
            more = self._some(count - len(data))
            if not more:
                raise CompressionError("git pack is truncated")
            data += more
        return data

    def number(self) -> int:
        """Pass a number of variable length, and return its first byte."""
        first = byte = self.take(1)[0]
        while byte & 0x80:
            byte = self.take(1)[0]
        return first

    def inflated(self) -> Iterator[bytes]:
        """Yield what the zlib stream holds that begins here, and stop right behind it."""
        stream = zlib.decompressobj()
        while not stream.eof:
            data = stream.unconsumed_tail or self._some(_BITE)
            try:
                piece = stream.decompress(data, PIECE)
            except zlib.error as error:
                raise CompressionError(f"git object is broken: {error}") from error
            if piece:
                yield piece
            elif not data:
                raise CompressionError("git object is truncated")
        self._at -= len(stream.unused_data)
        self.offset -= len(stream.unused_data)

    def _some(self, count: int) -> bytes:
        if self._at == len(self._data):
            self._data, self._at = self._read(PIECE), 0
        data = self._data[self._at : self._at + count]
        self._at += len(data)
        self.offset += len(data)
        return data
