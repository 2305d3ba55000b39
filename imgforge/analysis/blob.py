"""A layer's blob as a stream: hashed, decompressed, hashed again, never whole in memory.

The compression is told from the first bytes, as container runtimes do, not from the media type.
gzip may have any number of members (RFC 1952, 2.2), zstd any number of frames (RFC 8878, 3.1).
"""

from __future__ import annotations

import hashlib
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Any, Final, cast

from imgforge.analysis.facts import Problem

READ: Final = 256 << 10
"""Compressed bytes read at once."""

PIECE: Final = 1 << 20
"""Decompressed bytes handed on at most at once."""

AHEAD: Final = 4
"""Pieces that are decompressed ahead of their reader."""

_BITE: Final = 1 << 10
"""Compressed bytes given to zstd at once."""

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE: Final = tuple(bytes([n]) + b"\x2a\x4d\x18" for n in range(0x50, 0x60))


@dataclass(frozen=True, slots=True)
class Limits:
    """What one layer may ask of us; numbers are bytes unless they say otherwise.

    A layer may grow to ``raw_floor`` plus ``raw_ratio`` times its blob's size (deflate cannot
    exceed 1032) but never over ``raw``. ``header`` bounds one PAX header or long name, ``window``
    what is held of one file, ``captured`` the metadata files that are read whole.
    """

    entries: int = 1_000_000
    raw: int = 64 << 30
    raw_floor: int = 1 << 30
    raw_ratio: int = 200
    header: int = 1 << 20
    window: int = 4 << 20
    captured: int = 64 << 20
    members: int = 1_000_000
    secrets: int = 10_000
    zstd_window: int = 128 << 20


class Blob:
    """Reads one blob. ``digest``, ``size``, ``diff_id`` hold once :meth:`pieces` is exhausted.

    ``file`` is open at its beginning and stays the caller's to close; ``size`` says how many bytes
    it has, which bounds what they may grow to.
    """

    def __init__(self, file: IO[bytes], size: int, limits: Limits) -> None:
        self._file = file
        self._most = min(limits.raw, limits.raw_floor + limits.raw_ratio * size)
        self._limits = limits
        self._packed = hashlib.sha256()
        self._plain = hashlib.sha256()
        self.size = 0
        self.problem: Problem | None = None

    @property
    def digest(self) -> str:
        """The sha256 digest of the bytes read."""
        return "sha256:" + self._packed.hexdigest()

    @property
    def diff_id(self) -> str:
        """The sha256 digest of the decompressed bytes."""
        return "sha256:" + self._plain.hexdigest()

    def pieces(self) -> Iterator[bytes]:
        """Yield the decompressed bytes; what stops that is left in ``problem``.

        The blob is always read to its end, so its digest is known whatever it holds. Raises
        OSError if the file cannot be read.
        """
        total = 0
        try:
            for piece in self._decompressed():
                total += len(piece)
                if total > self._most:
                    self.problem = _malformed(f"decompresses to over {self._most} bytes")
                    break
                self._plain.update(piece)
                yield piece
        except _CompressionError as error:
            self.problem = _malformed(str(error))
        while self._read(PIECE):
            pass

    def _read(self, count: int) -> bytes:
        data = self._file.read(count)
        self.size += len(data)
        self._packed.update(data)
        return data

    def _decompressed(self) -> Iterator[bytes]:
        first = self._read(READ)
        rest = _Rest(first, self._read)
        if first.startswith(_GZIP):
            return _gunzip(rest, self._limits)
        if first.startswith((_ZSTD, *_ZSTD_SKIPPABLE)):
            return _unzstd(rest, self._limits)
        return iter(lambda: rest.read(PIECE), b"")


class _CompressionError(Exception):
    pass


class _Rest:
    """A stream whose first bytes were already looked at."""

    def __init__(self, first: bytes, read: Callable[[int], bytes]) -> None:
        self._first = first
        self._read = read

    def read(self, count: int = READ) -> bytes:
        if self._first:
            out, self._first = self._first[:count], self._first[count:]
            return out
        return self._read(count)


def _inflater() -> tuple[Callable[[], Any], type[Exception]]:
    """ISA-L inflates about twice as fast as zlib; where it does not exist, zlib does."""
    try:
        from isal import isal_zlib
    except ImportError:
        return lambda: zlib.decompressobj(31), zlib.error
    return lambda: isal_zlib.decompressobj(31), cast("type[Exception]", isal_zlib.error)


def _gunzip(source: _Rest, limits: Limits) -> Iterator[bytes]:
    new, failure = _inflater()
    data, stream, members = source.read(), new(), 1
    while True:
        try:
            piece = stream.decompress(data, PIECE)
        except failure as error:
            raise _CompressionError(f"gzip stream is broken: {error}") from error
        if piece:
            yield piece
        if stream.eof:
            data = stream.unused_data or source.read()
            if not data:
                return
            members += 1
            if members > limits.members:
                raise _CompressionError(f"gzip stream has over {limits.members} members")
            stream = new()
            continue
        data = stream.unconsumed_tail
        if not data and len(piece) < PIECE:
            data = source.read()
            if not data:
                raise _CompressionError("gzip stream is truncated")


def _unzstd(source: _Rest, limits: Limits) -> Iterator[bytes]:
    import zstandard

    decoder = zstandard.ZstdDecompressor(max_window_size=limits.zstd_window)
    data, stream, begun = memoryview(source.read()), decoder.decompressobj(), False
    parts: list[bytes] = []
    at = size = 0
    while True:
        # A block of four bytes can stand for 128 KiB (RFC 8878, 3.1.1.2), so small bites bound
        # the output; whole frames have to be told from truncated ones, which a reader hides.
        bite = data[at : at + _BITE]
        try:
            piece = stream.decompress(bite)
        except zstandard.ZstdError as error:
            raise _CompressionError(f"zstd stream is broken: {error}") from error
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
            data, at = memoryview(source.read()), 0
            if not data:
                break
    if size:
        yield b"".join(parts)
    if begun:
        raise _CompressionError("zstd stream is truncated")


def ahead(source: Iterator[bytes]) -> Iterator[bytes]:
    """Run ``source`` in a thread of its own, a few pieces ahead of the reader.

    Decompression and hashing release the interpreter's lock, so they overlap with parsing.
    """
    with ThreadPoolExecutor(1) as pool:
        pending = deque(pool.submit(next, source, None) for _ in range(AHEAD))
        while (piece := pending.popleft().result()) is not None:
            pending.append(pool.submit(next, source, None))
            yield piece


def _malformed(detail: str) -> Problem:
    return Problem("malformed", "", detail)
