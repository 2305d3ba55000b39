"""Decompressing streams with bounded memory: gzip, zstd, xz, lzma and bzip2.

gzip may have any number of members (RFC 1952, 2.2), zstd any number of frames (RFC 8878, 3.1),
xz and bzip2 any number of streams.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

READ: Final = 256 << 10
"""Compressed bytes read at once."""

PIECE: Final = 1 << 20
"""Decompressed bytes handed on at most at once."""

GZIP: Final = b"\x1f\x8b"
ZSTD: Final = (
    b"\x28\xb5\x2f\xfd",
    *(bytes([first]) + b"\x2a\x4d\x18" for first in range(0x50, 0x60)),
)
"""A frame's magic number and those of skippable frames (RFC 8878, 3.1)."""

XZ: Final = b"\xfd7zXZ\x00"

_BITE: Final = 1 << 10
"""Compressed bytes given to zstd at once."""

_STEP: Final = 16 << 10
"""Compressed bytes given at once where a further member begins, then twice as many each time: what
a member leaves over is copied, and may be no more than it is long itself."""

RAW: Final = -15
WRAPPED: Final = 31
"""Window bits of zlib's interface: bare deflate, and with gzip's header and checksum."""

Read = Callable[[int], bytes]
"""Gives up to so many bytes, and none only at the end."""


class CompressionError(Exception):
    """The stream is broken, truncated or asks for too much; the message says which."""


def inflater(bits: int) -> tuple[Callable[[], Any], type[Exception]]:
    """Return what makes a decompressor, and what that raises.

    ISA-L inflates about twice as fast as zlib; where it does not exist, zlib does.
    """
    try:
        from isal import isal_zlib
    except ImportError:
        return lambda: zlib.decompressobj(bits), zlib.error
    return lambda: isal_zlib.decompressobj(bits), cast("type[Exception]", isal_zlib.error)


def gunzip(read: Read, most: int) -> Iterator[bytes]:
    """Yield what gzip members hold; CompressionError if not whole, or over ``most`` members."""
    new, failure = inflater(WRAPPED)
    data, stream, members, step = read(READ), new(), 1, READ
    while True:
        try:
            piece = stream.decompress(data, PIECE)
        except failure as error:
            raise CompressionError(f"gzip stream is broken: {error}") from error
        if piece:
            yield piece
        if stream.eof:
            data = stream.unused_data or read(_STEP)
            if not data:
                return
            members += 1
            if members > most:
                raise CompressionError(f"gzip stream has over {most} members")
            stream, step = new(), _STEP
            continue
        data = stream.unconsumed_tail
        if not data and len(piece) < PIECE:
            data, step = read(step), min(2 * step, READ)
            if not data:
                raise CompressionError("gzip stream is truncated")


def unzstd(read: Read, window: int) -> Iterator[bytes]:
    """Yield what zstd frames hold; CompressionError if not whole, or ``window`` is too small."""
    import zstandard

    decoder = zstandard.ZstdDecompressor(max_window_size=window)
    data, stream, begun = memoryview(read(READ)), decoder.decompressobj(), False
    parts: list[bytes] = []
    at = size = 0
    while True:
        # A block of four bytes can stand for 128 KiB (RFC 8878, 3.1.1.2), so small bites bound
        # the output; whole frames have to be told from truncated ones, which a reader hides.
        bite = data[at : at + _BITE]
        try:
            piece = stream.decompress(bite)
        except zstandard.ZstdError as error:
            raise CompressionError(f"zstd stream is broken: {error}") from error
        begun = True
        at += len(bite)
        parts.append(piece)
        size += len(piece)
        if size >= PIECE:
            yield b"".join(parts)
            parts, size = [], 0
        if stream.eof:
            at -= len(stream.unused_data)
            stream, begun = decoder.decompressobj(), False
        if at >= len(data):
            data, at = memoryview(read(READ)), 0
            if not data:
                break
    if size:
        yield b"".join(parts)
    if begun:
        raise CompressionError("zstd stream is truncated")


def unxz(read: Read, most: int, window: int) -> Iterator[bytes]:
    """Yield what xz streams hold; CompressionError as above."""
    import lzma

    def new() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(memlimit=window)

    return _streams(read, new, lzma.LZMAError, "xz", most)


def bunzip2(read: Read, most: int) -> Iterator[bytes]:
    """Yield what bzip2 streams hold; CompressionError as above."""
    import bz2

    return _streams(read, bz2.BZ2Decompressor, OSError, "bzip2", most)


def _streams(
    read: Read, new: Callable[[], Any], failure: type[Exception], name: str, most: int
) -> Iterator[bytes]:
    data, stream, count = read(READ), new(), 1
    while True:
        try:
            piece = stream.decompress(data, PIECE)
        except failure as error:
            raise CompressionError(f"{name} stream is broken: {error}") from error
        data = b""
        if piece:
            yield piece
        if stream.eof:
            # xz pads streams with zeros to a multiple of four (xz file format, 2.2).
            data = stream.unused_data.lstrip(b"\0")
            while not data and (more := read(_STEP)):
                data = more.lstrip(b"\0")
            if not data:
                return
            count += 1
            if count > most:
                raise CompressionError(f"{name} stream has over {most} parts")
            stream = new()
        elif stream.needs_input:
            data = read(READ if count == 1 else _STEP)
            if not data:
                raise CompressionError(f"{name} stream is truncated")
