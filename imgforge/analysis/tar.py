"""Reading tar as a stream: POSIX ustar and pax, GNU, and the old form, as Go's archive/tar does.

Container runtimes unpack layers with Go's reader, so where tar readers differ this one follows
Go: what it sees is what a container gets. Whatever is ambiguous or damaged is recorded as a
problem. The standard library's ``tarfile`` takes sixteen times as long for headers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from imgforge.analysis import sparse
from imgforge.analysis.blob import Limits
from imgforge.analysis.facts import (
    BLOCK,
    CHARACTER,
    DIRECTORY,
    FIFO,
    FILE,
    HARDLINK,
    SYMLINK,
    Problem,
)
from imgforge.analysis.sparse import Part
from imgforge.analysis.tarfields import MalformedError, decimal, number, octal, records

_SIZE: Final = 512
_ZERO: Final = bytes(_SIZE)
_KINDS: Final = {
    0x30: FILE,
    0x00: FILE,
    0x31: HARDLINK,
    0x32: SYMLINK,
    0x33: CHARACTER,
    0x34: BLOCK,
    0x35: DIRECTORY,
    0x36: FIFO,
}
_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK, _SPARSE = b"xgLKS"
_REDIRECTIONS: Final = ("redirect", "metacopy")
_CAPABILITY: Final = b"SCHILY.xattr.security.capability"
_MASKS: Final = frozenset(
    f"SCHILY.xattr.{name}".encode()
    for name in (
        *(f"{space}.overlay.{what}" for space in ("trusted", "user") for what in _REDIRECTIONS),
        "user.containers.override_stat",
    )
)
"""By these the kernel's overlayfs takes content from elsewhere, and fuse-overlayfs the mode."""
_LONGEST: Final = 4095
"""Bytes of a path or of a link's target on Linux (path_resolution(7))."""
_HEADERS: Final = frozenset((_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK))


class Member(NamedTuple):
    """One archive member; ``name`` and ``link`` are the bytes of the archive, unchanged.

    ``size`` is that of the content (0 but for files), with the holes of a sparse file.
    """

    name: bytes
    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    link: bytes
    capability: str
    sparse: bool


class Archive:
    """Iterate over members; :meth:`read` gives the content of the one at hand, in parts.

    What ends the archive early is left in ``problems``; iteration always consumes the whole
    stream, so the digests behind it are complete.
    """

    def __init__(self, pieces: Iterator[bytes], limits: Limits) -> None:
        self._pieces = pieces
        self._limits = limits
        self._buffer = b""
        self._at = 0
        self._left = 0
        self._padding = 0
        self._parts: Iterator[Part] | None = None
        self._hole = self._run = self._named = 0
        self.problems: list[Problem] = []

    def __iter__(self) -> Iterator[Member]:
        count = 0
        try:
            while (header := self._header()) is not None:
                count += 1
                if count > self._limits.entries:
                    self._problem(f"over {self._limits.entries} entries")
                    break
                yield header
            else:
                self._trailer()
        except MalformedError as error:
            self._problem(str(error))
        self._buffer = b""
        for _ in self._pieces:
            pass

    def read(self, count: int) -> bytes:
        """Return up to ``count`` bytes of the member's content; fewer only at its end.

        A truncated archive ends the content early, and then the iteration with a problem. Holes
        of a sparse file are zeros; of long ones only some are given (``Limits.holes`` a file).
        """
        if self._parts is None:
            return self._stored(count)
        out = []
        while count:
            if not self._hole and not self._run:
                part = next(self._parts, None)
                if part is None:
                    break
                self._hole, self._run = part
            if self._hole:
                piece = bytes(min(count, self._hole))
                self._hole -= len(piece)
            else:
                piece = self._stored(min(count, self._run))
                if not piece:
                    break
                self._run -= len(piece)
            count -= len(piece)
            out.append(piece)
        return b"".join(out)

    def _stored(self, count: int) -> bytes:
        count = min(count, self._left)
        if len(self._buffer) - self._at < count and not self._fill(count):
            count = len(self._buffer)
        self._left -= count
        return self._take(count)

    def _problem(self, detail: str) -> None:
        self.problems.append(Problem("malformed", "", f"tar: {detail}"))

    def _fill(self, need: int) -> bool:
        """Have ``need`` bytes in the buffer; False if the stream ends before."""
        parts = [self._buffer[self._at :]]
        have = len(parts[0])
        while have < need:
            piece = next(self._pieces, None)
            if piece is None:
                break
            parts.append(piece)
            have += len(piece)
        self._buffer, self._at = b"".join(parts), 0
        return have >= need

    def _take(self, count: int) -> bytes:
        if len(self._buffer) - self._at < count and not self._fill(count):
            raise MalformedError("the archive is truncated")
        start, self._at = self._at, self._at + count
        return self._buffer[start : self._at]

    def _skip(self, count: int) -> None:
        have = len(self._buffer) - self._at
        while count > have:
            count -= have
            self._buffer, self._at = next(self._pieces, b""), 0
            have = len(self._buffer)
            if not have:
                raise MalformedError("the archive is truncated")
        self._at += count

    def _block(self) -> bytes | None:
        """Return the next header block, or None at the end of the archive."""
        self._skip(self._left + self._padding)
        self._left = self._padding = 0
        self._parts, self._hole, self._run = None, 0, 0
        if len(self._buffer) - self._at < _SIZE and not self._fill(_SIZE):
            if len(self._buffer) == self._at:
                return None
            raise MalformedError("the archive ends inside a header")
        block = self._take(_SIZE)
        if block[0] == 0 and block == _ZERO:
            return None
        self._checksum(block)
        return block

    def _checksum(self, block: bytes) -> None:
        try:
            want = octal(block[148:156])
        except ValueError:
            want = -1
        if want == sum(block) - sum(block[148:156]) + 256:
            return
        signed = sum(byte - 256 if byte > 127 else byte for byte in block)  # noqa: PLR2004
        signed -= sum(byte - 256 if byte > 127 else byte for byte in block[148:156])  # noqa: PLR2004
        if want != signed + 256:
            raise MalformedError("a header's checksum is wrong")

    def _header(self) -> Member | None:
        pax: dict[bytes, bytes] = {}
        long_name = long_link = None
        while True:
            block = self._block()
            if block is None:
                if pax or long_name is not None or long_link is not None:
                    raise MalformedError("the archive ends after an extended header")
                return None
            kind = block[156]
            if kind not in _HEADERS:
                return self._member(block, pax, long_name, long_link)
            size = number(block[124:136], "size")
            if not 0 <= size <= self._limits.header:
                raise MalformedError(f"an extended header has {size} bytes")
            data = self._take(size)
            self._padding = -size % _SIZE
            if kind == _PAX:
                pax = records(data)
            elif kind == _LONG_NAME:
                long_name = data.split(b"\0", 1)[0]
            elif kind == _LONG_LINK:
                long_link = data.split(b"\0", 1)[0]
            else:
                self._global(records(data))
                if pax or long_name is not None or long_link is not None:
                    # Go forgets what came before a global header, other readers keep it.
                    self._problem("a global header stands between a member and its headers")
                    pax, long_name, long_link = {}, None, None

    def _global(self, records: dict[bytes, bytes]) -> None:
        # Go ignores global headers, other readers apply them: two readers, two file systems.
        if not records.keys() <= {b"comment", b"mtime", b"atime", b"ctime", b"hdrcharset"}:
            self._problem("a global header changes other members")

    def _member(
        self,
        block: bytes,
        pax: dict[bytes, bytes],
        long_name: bytes | None,
        long_link: bytes | None,
    ) -> Member:
        letter = block[156]
        name = member_name(block)
        link = block[157:257].split(b"\0", 1)[0] if block[157] else b""
        size = number(block[124:136], "size")
        uid, gid = number(block[108:116], "uid"), number(block[116:124], "gid")
        capability = ""
        if pax:
            name, link = pax.get(b"path") or name, pax.get(b"linkpath") or link
            size = _decimal(pax, b"size", size)
            uid, gid = _decimal(pax, b"uid", uid), _decimal(pax, b"gid", gid)
            capability = pax.get(_CAPABILITY, b"").hex()
        name, link = long_name or name, long_link or link
        kind, version = _kind(letter, name), sparse.version(pax)
        if version:
            name = pax.get(sparse.NAME) or name
        if min(size, uid, gid) < 0:
            raise MalformedError(f"{_shown(name)} has a negative size or owner")
        self._bound(name, link)
        if not _MASKS.isdisjoint(pax):
            self._problem(f"{_shown(name)} has an attribute by which it is shown as another file")
        if kind != FILE:
            size = 0
        self._left, self._padding = size, -size % _SIZE
        if letter == _SPARSE:
            size = self._gnu_sparse(block)
        elif version and kind == FILE:
            size = self._pax_sparse(version, pax, size)
        elif any(key.startswith(sparse.PREFIX) for key in pax):
            # Go takes it for a plain file, GNU tar does not: two readers, two contents.
            self._problem(f"{_shown(name)} is sparse in an unknown way")
        mode = number(block[100:108], "mode") & 0o7777
        holes = self._parts is not None
        return Member(name, kind, mode, uid, gid, size, link, capability, holes)

    def _bound(self, name: bytes, link: bytes) -> None:
        if b"\0" in name or b"\0" in link:
            raise MalformedError(f"{_shown(name)} has a zero byte in its name or link")
        if max(len(name), len(link)) > _LONGEST:
            raise MalformedError(f"{_shown(name)} has a name or link longer than any can be")
        self._named += len(name) + len(link)
        if self._named > self._limits.names:
            raise MalformedError(f"its names have over {self._limits.names} bytes")

    def _gnu_sparse(self, block: bytes) -> int:
        """Read the map of an old GNU sparse file, which ends before its content; its size."""
        if block[257:265] != b"ustar  \0":
            raise MalformedError("a sparse file without GNU's magic")
        table = sparse.entries(block[386:482])
        extended = block[482]
        for _ in range(self._limits.header // _SIZE):
            if not extended:
                return self._open(table, number(block[483:495], "size"))
            more = self._take(_SIZE)
            table += sparse.entries(more[:504])
            extended = more[504]
        raise MalformedError("a sparse file has too many parts")

    def _pax_sparse(self, version: str, pax: dict[bytes, bytes], size: int) -> int:
        for key in reversed(sparse.SIZES):
            size = _decimal(pax, key, size)
        if version == "0":
            return self._open(sparse.listed(pax), size)
        return self._open(sparse.leading(self._stored, self._limits.header), size)

    def _open(self, table: list[sparse.Data], size: int) -> int:
        parts = sparse.parts(table, size, self._left)
        self._parts = sparse.shortened(parts, self._limits.holes)
        return size

    def _trailer(self) -> None:
        """After the end only zeros may follow: anything else is hidden from those who stop."""
        rest = self._buffer[self._at :]
        while True:
            if rest.count(0) != len(rest):
                self._problem("there is data after the end of the archive")
                return
            piece = next(self._pieces, None)
            if piece is None:
                return
            rest = piece


def _kind(letter: int, name: bytes) -> str:
    if letter == 0 and name.endswith(b"/"):
        return DIRECTORY
    kind = FILE if letter == _SPARSE else _KINDS.get(letter)
    if kind is None:
        raise MalformedError(f"{_shown(name)} is of the unknown type {chr(letter)!r}")
    return kind


def _decimal(pax: dict[bytes, bytes], key: bytes, default: int) -> int:
    text = pax.get(key)
    return decimal(text, f"a pax header's {key.decode()}") if text else default


def member_name(block: bytes) -> bytes:
    """Return the name that a header has by itself, its prefix included."""
    name = block[:100].split(b"\0", 1)[0]
    if not block[345]:
        return name
    magic = block[257:263]
    if magic == b"ustar\0":
        width = 131 if block[508:512] == b"tar\0" else 155
        prefix = block[345 : 345 + width].split(b"\0", 1)[0]
        return prefix + b"/" + name
    if magic == b"ustar ":
        # GNU keeps times here; Go takes what is no time for a prefix, others do not.
        for field in (block[345:357], block[357:369]):
            number(field, "time")
    return name


def _shown(name: bytes) -> str:
    return repr(name[:200].decode(errors="backslashreplace"))
