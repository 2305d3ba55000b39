"""A layer's blob as a stream: hashed, decompressed, hashed again, never whole in memory.

The compression is told from the first bytes, as container runtimes do, not from the media type.
gzip may have any number of members (RFC 1952, 2.2), zstd any number of frames (RFC 8878, 3.1).
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from imgforge.analysis.compression import (
    GZIP,
    PIECE,
    READ,
    ZSTD,
    CompressionError,
    gunzip,
    unzstd,
)
from imgforge.analysis.facts import Problem

AHEAD: Final = 4
"""Pieces that are decompressed ahead of their reader."""

SMALL: Final = 1 << 20
"""Bytes of a blob for which a thread is not worth its while: loading what runs it takes as long."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one layer may ask of us; numbers are bytes unless they say otherwise.

    A layer may grow to ``raw_floor`` plus ``raw_ratio`` times its blob's size (deflate cannot
    exceed 1032) but never over ``raw``. ``names`` bounds all names and
    links together, ``header`` one PAX header or long name, ``window``
    what is held of one file, ``captured`` the metadata files that are read whole, ``holes`` the
    zeros that are made for the holes of one sparse file.

    Files in archives have limits of their own. What one archive expands to, at all depths
    together, is at most ``inner_floor`` and ``inner_ratio`` times its size; what all do at most
    ``inner``. ``archive_entries`` and ``inner_entries`` are members, of one and of all; ``depth``
    is how deep archives are opened, ``inner_window`` what is held of a file in one, ``whole`` the
    size of a zip from which on it is not held whole, ``complaints`` the problems told about
    archives, and ``binaries`` and ``packages`` what is listed at most.
    """

    entries: int = 1_000_000
    raw: int = 64 << 30
    raw_floor: int = 1 << 30
    raw_ratio: int = 200
    names: int = 256 << 20
    header: int = 1 << 20
    window: int = 4 << 20
    captured: int = 64 << 20
    members: int = 1_000_000
    secrets: int = 10_000
    zstd_window: int = 128 << 20
    holes: int = 64 << 10
    inner: int = 16 << 30
    inner_floor: int = 256 << 20
    inner_ratio: int = 100
    inner_entries: int = 2_000_000
    inner_window: int = 1 << 20
    archive_entries: int = 500_000
    whole: int = 12 << 20
    depth: int = 6
    complaints: int = 1_000
    binaries: int = 200_000
    packages: int = 200_000


class Readable(Protocol):
    """What a blob is read from."""

    def read(self, count: int, /) -> bytes:
        """Return up to ``count`` bytes, none only at the end."""


class Blob:
    """Reads one blob. ``digest``, ``size``, ``diff_id`` hold once :meth:`pieces` is exhausted.

    ``file`` is open at its beginning and stays the caller's to close; ``size`` says how many bytes
    it has, which bounds what they may grow to.
    """

    def __init__(self, file: Readable, size: int, limits: Limits) -> None:
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
        except CompressionError as error:
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
        if first.startswith(GZIP):
            return gunzip(rest.read, self._limits.members)
        if first.startswith(ZSTD):
            return unzstd(rest.read, self._limits.zstd_window)
        return iter(lambda: rest.read(PIECE), b"")


class _Rest:
    """A stream whose first bytes were already looked at."""

    def __init__(self, first: bytes, read: Callable[[int], bytes]) -> None:
        self._first = first
        self._read = read

    def read(self, count: int) -> bytes:
        if self._first:
            out, self._first = self._first[:count], self._first[count:]
            return out
        return self._read(count)


def ahead(source: Iterator[bytes]) -> Iterator[bytes]:
    """Run ``source`` in a thread of its own, a few pieces ahead of the reader.

    Decompression and hashing release the interpreter's lock, so they overlap with parsing.
    """
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        pending = deque(pool.submit(next, source, None) for _ in range(AHEAD))
        while (piece := pending.popleft().result()) is not None:
            pending.append(pool.submit(next, source, None))
            yield piece


def _malformed(detail: str) -> Problem:
    return Problem("malformed", "", detail)
