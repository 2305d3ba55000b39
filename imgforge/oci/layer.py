"""Deterministic layers: tar entries in, one compressed and hashed blob out, as a stream.

Compression is libdeflate's (package ``deflate``, pinned exactly), in gzip members of 4 MiB: fast,
the same bytes on every CPU, and no dependence on the zlib an interpreter was linked with.
Every entry has one constant mtime and no user names; a PAX header appears only where the ustar
fields cannot hold a path, a link target or a size (POSIX.1-2017 pax; image-spec, layer.md). So a
layer is a function of its files alone: locked again, or in another application's image, the same
files are the same blob, and registries and hosts keep it once. When an image was made stands in its
configuration.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO

from imgforge.oci.layout import Layout
from imgforge.oci.types import LAYER_GZIP, Descriptor

MEMBER = 4 << 20
"""Bytes of tar in one gzip member."""

MTIME = 946_684_800
"""Seconds: 2000-01-01, the time of every file. A zip archive could not hold 1970."""

LEVEL = 3
ENCODER = f"libdeflate-0.9.0/{LEVEL}/{MEMBER}/{MTIME}"
"""Names all but the entries that decides a layer's bytes: part of cache keys and provenance."""

_READ = 1 << 20
_BLOCK = 512
_REGULAR, _HARDLINK, _SYMLINK, _DIRECTORY, _PAX = b"0", b"1", b"2", b"5", b"x"
_KINDS = {b"0": _REGULAR, b"\0": _REGULAR, b"1": _HARDLINK, b"2": _SYMLINK, b"5": _DIRECTORY}
_XATTR = "SCHILY.xattr."
_NAME, _PREFIX, _LINK, _USTAR_SIZE = 100, 155, 100, 8 << 30


@dataclass(frozen=True, slots=True)
class Entry:
    """One file system object of a layer. ``path`` is relative, without a leading ``./``.

    At most one of ``data``, ``source`` (a file to stream), ``pieces`` (``size`` bytes to come),
    ``link`` (target of a symbolic link) and ``same`` (path of a file before it, as a hard link) is
    given; an entry with none of them is a directory.
    """

    path: str
    mode: int
    uid: int = 0
    gid: int = 0
    data: bytes | None = None
    source: Path | None = None
    link: str | None = None
    same: str | None = None
    pieces: Iterable[bytes] | None = None
    size: int = 0

    @property
    def is_directory(self) -> bool:
        """Whether this entry is a directory."""
        given = (self.data, self.source, self.link, self.same, self.pieces)
        return all(part is None for part in given)


@dataclass(frozen=True, slots=True)
class _Owner:
    """The fields of a header that say whose an object is."""

    mode: int
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Layer:
    """A stored layer: its blob's descriptor and the digest of its uncompressed tar."""

    descriptor: Descriptor
    diff_id: str


def write_layer(layout: Layout, entries: Iterable[Entry]) -> Layer:
    """Write ``entries`` in the order given into ``layout``; memory use is a few gzip members.

    Raises OSError if a source file cannot be read or changes its size underway, ValueError for an
    entry that no tar can hold (an absolute, empty or escaping path) or ``pieces`` of another size.
    """
    return _store(layout, _tar(entries))


def rewrite_layer(layout: Layout, source: IO[bytes]) -> Layer | None:
    """Write another tool's uncompressed layer the way :func:`write_layer` writes.

    Kept are order, names, kinds, modes, owners, links, extended attributes and contents; times
    become ours and names of owners go, so the bytes no longer depend on the tool or the day.
    Returns None if the layer holds nothing. Raises ValueError for a device, pipe or sparse file
    and for paths no image has, tarfile.TarError or OSError for a broken archive.
    """
    pieces = _rewritten(source)
    first = next(pieces, None)
    return None if first is None else _store(layout, itertools.chain([first], pieces))


def _store(layout: Layout, pieces: Iterable[bytes]) -> Layer:
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

        for member in _members(pieces):
            pending.append(pool.submit(deflate.gzip_compress, member, LEVEL))
            plain.update(member)
            drain(keep=2)
        drain(keep=0)
        digest = "sha256:" + packed.hexdigest()
        layout.adopt(file, digest)
    return Layer(Descriptor(LAYER_GZIP, digest, size), "sha256:" + plain.hexdigest())


def _members(pieces: Iterable[bytes]) -> Iterator[bytes]:
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        while len(buffer) >= MEMBER:
            yield bytes(buffer[:MEMBER])
            del buffer[:MEMBER]
    if buffer:
        yield bytes(buffer)


def _tar(entries: Iterable[Entry]) -> Iterator[bytes]:
    for entry in entries:
        name = _checked(entry.path)
        owner = _Owner(entry.mode, entry.uid, entry.gid)
        if entry.is_directory:
            yield _header(name + b"/", _DIRECTORY, owner)
        elif entry.link is not None:
            yield _header(name, _SYMLINK, owner, link=_bytes(entry.link))
        elif entry.data is not None:
            yield _header(name, _REGULAR, owner, size=len(entry.data))
            yield entry.data
            yield bytes(-len(entry.data) % _BLOCK)
        elif entry.same is not None:
            yield _header(name, _HARDLINK, owner, link=_checked(entry.same))
        elif entry.pieces is not None:
            yield _header(name, _REGULAR, owner, size=entry.size)
            yield from _counted(entry)
        elif entry.source is not None:
            yield from _file(name, owner, entry.source)
    yield bytes(2 * _BLOCK)


def _counted(entry: Entry) -> Iterator[bytes]:
    left = entry.size
    for piece in entry.pieces or ():
        left -= len(piece)
        yield piece
    if left:
        raise ValueError(f"{entry.path} has another size than was said")
    yield bytes(-entry.size % _BLOCK)


def _file(name: bytes, owner: _Owner, source: Path) -> Iterator[bytes]:
    with source.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        yield _header(name, _REGULAR, owner, size=size)
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


def _rewritten(source: IO[bytes]) -> Iterator[bytes]:
    import tarfile

    empty = True
    # The encoding is named, or names would follow the machine's locale.
    code, errors = "utf-8", "surrogateescape"
    with tarfile.open(fileobj=source, mode="r|", errorlevel=2, encoding=code, errors=errors) as tar:
        for member in tar:
            kind = _KINDS.get(member.type)
            if kind is None or member.issparse():
                raise ValueError(f"{member.name!r} is a special file")
            empty = False
            slash = b"/" if kind == _DIRECTORY else b""
            attributes = {k: v for k, v in member.pax_headers.items() if k.startswith(_XATTR)}
            yield _header(
                _checked(member.name) + slash,
                kind,
                _Owner(member.mode, member.uid, member.gid),
                size=member.size if kind == _REGULAR else 0,
                link=_bytes(member.linkname),
                attributes=attributes,
            )
            reader = tar.extractfile(member) if kind == _REGULAR else None
            while reader is not None and (piece := reader.read(_READ)):
                yield piece
            if kind == _REGULAR:
                yield bytes(-member.size % _BLOCK)
    if not empty:
        yield bytes(2 * _BLOCK)


def _checked(path: str) -> bytes:
    name = _bytes(path)
    if not name or name.startswith(b"/") or b"\0" in name or b".." in name.split(b"/"):
        raise ValueError(f"not a path inside an image: {path!r}")
    return name


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _header(
    name: bytes,
    kind: bytes,
    owner: _Owner,
    *,
    size: int = 0,
    link: bytes = b"",
    attributes: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    records = b"".join(_record(_bytes(k), _bytes(v)) for k, v in sorted(attributes.items()))
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
    fixed = _ustar(short, prefix, kind, owner, min(size, _USTAR_SIZE - 1), link)
    if not records:
        return fixed
    plain = _Owner(0o644, 0, 0)
    head = _ustar(b"PaxHeaders/x", b"", _PAX, plain, len(records), b"")
    return head + records + bytes(-len(records) % _BLOCK) + fixed


def _record(key: bytes, value: bytes) -> bytes:
    body = len(key) + len(value) + 3
    length = body + len(str(body))
    length = body + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def _ustar(  # noqa: PLR0917 - the fields of a header, in their order
    name: bytes, prefix: bytes, kind: bytes, owner: _Owner, size: int, link: bytes
) -> bytes:
    block = b"%s%07o\0%07o\0%07o\0%011o\0%011o\0        %s%s%s%s%s%s%s" % (
        name.ljust(100, b"\0"),
        (0o777 if kind == _SYMLINK else owner.mode) & 0o7777,
        owner.uid,
        owner.gid,
        size,
        MTIME,
        kind,
        link.ljust(100, b"\0"),
        b"ustar\x0000",
        bytes(64),
        bytes(16),
        prefix.ljust(155, b"\0"),
        bytes(12),
    )
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]
