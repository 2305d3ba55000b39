"""Deterministic layers: tar entries in, one compressed and hashed blob out, as a stream.

Compression is libdeflate's (package ``deflate``, pinned exactly), in gzip members of 4 MiB: fast,
the same bytes on every CPU, and no dependence on the zlib an interpreter was linked with.
Every entry has the build's epoch as mtime and no user names; a PAX header appears only where the
ustar fields cannot hold a path, a link target or a size (POSIX.1-2017 pax, OCI image-spec layer.md).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from imgforge.oci.layout import Layout
from imgforge.oci.types import LAYER_GZIP, Descriptor

MEMBER = 4 << 20
"""Bytes of tar in one gzip member."""

LEVEL = 3
ENCODER = f"libdeflate-0.9.0/{LEVEL}/{MEMBER}"
"""Names everything that decides the compressed bytes: part of cache keys and provenance."""

_READ = 1 << 20
_BLOCK = 512
_REGULAR, _SYMLINK, _DIRECTORY, _PAX = b"0", b"2", b"5", b"x"
_NAME, _PREFIX, _LINK, _USTAR_SIZE = 100, 155, 100, 8 << 30


@dataclass(frozen=True, slots=True)
class Entry:
    """One file system object of a layer. ``path`` is relative, without a leading ``./``.

    At most one of ``data``, ``source`` (a file to stream) and ``link`` (target of a symbolic
    link) is given; an entry with none of them is a directory.
    """

    path: str
    mode: int
    uid: int = 0
    gid: int = 0
    data: bytes | None = None
    source: Path | None = None
    link: str | None = None

    @property
    def is_directory(self) -> bool:
        """Whether this entry is a directory."""
        return self.data is None and self.source is None and self.link is None


@dataclass(frozen=True, slots=True)
class Layer:
    """A stored layer: its blob's descriptor and the digest of its uncompressed tar."""

    descriptor: Descriptor
    diff_id: str


def write_layer(layout: Layout, entries: Iterable[Entry], *, epoch: int) -> Layer:
    """Write ``entries`` in the order given into ``layout``; memory use is a few gzip members.

    Raises OSError if a source file cannot be read or changes its size underway, ValueError for an
    entry that no tar can hold (an absolute, empty or escaping path).
    """
    import deflate

    plain, packed, size = hashlib.sha256(), hashlib.sha256(), 0
    with layout.writer() as file, ThreadPoolExecutor(max_workers=2) as pool:
        pending: list[Future[bytearray]] = []

        def drain(keep: int) -> None:
            nonlocal size
            while len(pending) > keep:
                blob = pending.pop(0).result()
                packed.update(blob)
                file.write(blob)
                size += len(blob)

        for member in _members(entries, epoch):
            pending.append(pool.submit(deflate.gzip_compress, member, LEVEL))
            plain.update(member)
            drain(keep=2)
        drain(keep=0)
        digest = "sha256:" + packed.hexdigest()
        layout.adopt(file, digest)
    return Layer(Descriptor(LAYER_GZIP, digest, size), "sha256:" + plain.hexdigest())


def _members(entries: Iterable[Entry], epoch: int) -> Iterator[bytes]:
    buffer = bytearray()
    for piece in _tar(entries, epoch):
        buffer += piece
        while len(buffer) >= MEMBER:
            yield bytes(buffer[:MEMBER])
            del buffer[:MEMBER]
    if buffer:
        yield bytes(buffer)


def _tar(entries: Iterable[Entry], epoch: int) -> Iterator[bytes]:
    for entry in entries:
        name = entry.path.encode("utf-8", "surrogateescape")
        if not name or name.startswith(b"/") or b"\0" in name or b".." in name.split(b"/"):
            raise ValueError(f"not a path inside an image: {entry.path!r}")
        if entry.is_directory:
            yield _header(name + b"/", entry, 0, _DIRECTORY, epoch)
        elif entry.link is not None:
            target = entry.link.encode("utf-8", "surrogateescape")
            yield _header(name, entry, 0, _SYMLINK, epoch, target)
        elif entry.data is not None:
            yield _header(name, entry, len(entry.data), _REGULAR, epoch)
            yield entry.data
            yield bytes(-len(entry.data) % _BLOCK)
        elif entry.source is not None:
            yield from _file(name, entry, entry.source, epoch)
    yield bytes(2 * _BLOCK)


def _file(name: bytes, entry: Entry, source: Path, epoch: int) -> Iterator[bytes]:
    with source.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        yield _header(name, entry, size, _REGULAR, epoch)
        left = size
        while left:
            piece = file.read(min(left, _READ))
            if not piece:
                raise OSError(f"{source} shrank while it was read")
            left -= len(piece)
            yield piece
        if file.read(1):
            raise OSError(f"{source} grew while it was read")
    yield bytes(-size % _BLOCK)


def _header(  # noqa: PLR0917 - the fields of a tar header
    name: bytes, entry: Entry, size: int, kind: bytes, epoch: int, link: bytes = b""
) -> bytes:
    records = b""
    short, prefix = name, b""
    if len(name) > _NAME or not name.isascii():
        cut = name.rfind(b"/", 0, min(len(name) - 1, _PREFIX + 1))
        if name.isascii() and cut > 0 and len(name) - cut - 1 <= _NAME:
            short, prefix = name[cut + 1 :], name[:cut]
        else:
            records += _record(b"path", name)
            short = name[:_NAME]
    if len(link) > _LINK or not link.isascii():
        records += _record(b"linkpath", link)
        link = link[:_LINK]
    if size >= _USTAR_SIZE:
        records += _record(b"size", b"%d" % size)
    fixed = _ustar(short, prefix, entry, min(size, _USTAR_SIZE - 1), kind, epoch, link)
    if not records:
        return fixed
    owner = Entry("", 0o644)
    head = _ustar(b"PaxHeaders/x", b"", owner, len(records), _PAX, epoch, b"")
    return head + records + bytes(-len(records) % _BLOCK) + fixed


def _record(key: bytes, value: bytes) -> bytes:
    body = len(key) + len(value) + 3
    length = body + len(str(body))
    length = body + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def _ustar(  # noqa: PLR0917
    name: bytes, prefix: bytes, entry: Entry, size: int, kind: bytes, epoch: int, link: bytes
) -> bytes:
    block = b"%s%07o\0%07o\0%07o\0%011o\0%011o\0        %s%s%s%s%s%s%s" % (
        name.ljust(100, b"\0"),
        (0o777 if kind == _SYMLINK else entry.mode) & 0o7777,
        entry.uid,
        entry.gid,
        size,
        epoch,
        kind,
        link.ljust(100, b"\0"),
        b"ustar\x0000",
        bytes(64),
        bytes(16),
        prefix.ljust(155, b"\0"),
        bytes(12),
    )
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]
