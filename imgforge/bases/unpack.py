"""Decompression as a stream that knows its bounds: what packages and tarballs are read through."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    import tarfile

LZMA_MEMORY = 256 << 20
"""Bytes that a decompressor may use for its window."""

_READ = 1 << 20


def is_plain(member: tarfile.TarInfo) -> bool:
    """Whether a member is an ordinary file that the archive holds whole.

    The holes of a sparse file come from tarfile, beside every bound on what is unpacked.
    """
    return member.type in {b"0", b"\0"} and not member.issparse()


class Readable(Protocol):
    """Whatever gives bytes in order."""

    def read(self, size: int, /) -> bytes:
        """Return the next ``size`` bytes, fewer only at the end."""
        ...


class Unpacked:
    """A readable stream of ``source`` decompressed, ``kind`` being ``xz``, ``gz``, ``zst`` or tar.

    ValueError once more than ``limit`` bytes come out, or where the input is cut off or of an
    unknown kind; lzma.LZMAError and zlib.error where it is malformed.
    """

    def __init__(self, source: Readable, kind: str, limit: int) -> None:
        kinds = {"xz": _xz, "gz": _gz, "zst": _zst, "tar": _plain}
        if kind not in kinds:
            raise ValueError(f"compressed as {kind!r}, which is not known")
        self._pieces = kinds[kind](source)
        self._limit = limit
        self._count = 0
        self._buffer = bytearray()

    def read(self, size: int) -> bytes:
        """Return the next ``size`` bytes, fewer only at the end."""
        while len(self._buffer) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._count += len(piece)
            if self._count > self._limit:
                raise ValueError(f"unpacks to over {self._limit} bytes")
            self._buffer += piece
        out = bytes(self._buffer[:size])
        del self._buffer[:size]
        return out

    def tar(self) -> tarfile.TarFile:
        """Open what comes out as a tar stream, its members to be read in their order."""
        import tarfile

        # tarfile asks a stream for nothing but reading.
        # The encoding is named, or names would follow the machine's locale.
        return tarfile.open(
            fileobj=cast("IO[bytes]", self),
            mode="r|",
            bufsize=_READ,
            encoding="utf-8",
            errors="surrogateescape",
        )

    def drain(self) -> None:
        """Read to the end, so that a stream that is cut off there is found out too."""
        while self.read(_READ):
            pass


def _plain(source: Readable) -> Iterator[bytes]:
    while piece := source.read(_READ):
        yield piece


def _xz(source: Readable) -> Iterator[bytes]:
    unpacker = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=LZMA_MEMORY)
    while not unpacker.eof:
        yield unpacker.decompress(_more(source) if unpacker.needs_input else b"", _READ)


def _gz(source: Readable) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(wbits=31)
    while not unpacker.eof:
        yield unpacker.decompress(unpacker.unconsumed_tail or _more(source), _READ)


def _zst(source: Readable) -> Iterator[bytes]:
    import zstandard

    unpacker = zstandard.ZstdDecompressor(max_window_size=LZMA_MEMORY)
    try:
        with unpacker.stream_reader(cast("IO[bytes]", source), closefd=False) as reader:
            while piece := reader.read(_READ):
                yield piece
    except zstandard.ZstdError as error:
        raise ValueError(f"zstd: {error}") from error


def _more(source: Readable) -> bytes:
    piece = source.read(_READ)
    if not piece:
        raise ValueError("cut off")
    return piece
