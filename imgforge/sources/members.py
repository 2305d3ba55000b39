"""The members of a tar archive where they lie: named by an index, read by offset, never unpacked.

The names are only looked up, so none can lead anywhere; one that would climb out of a folder, or
stands for two members, is refused all the same, because another tool may act on it.
"""

from __future__ import annotations

import errno
import io
import os
import posixpath
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Final

from imgforge.analysis.tar import member_name
from imgforge.analysis.tarfields import MalformedError
from imgforge.oci.layout import CorruptLayoutError

MOST: Final = 100_000
"""Members of one archive; an image of the most layers has a few hundred."""

_BLOCK: Final = tarfile.BLOCKSIZE
_ZERO: Final = bytes(_BLOCK)
_HEADER: Final = 64 << 10
"""Bytes of a pax header or a long name."""
_BUFFER: Final = 64 << 10
_LINKS: Final = 8
_FILES: Final = frozenset({tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE})
_NAMES: Final = frozenset({tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK})
_LINK: Final = frozenset({tarfile.SYMTYPE, tarfile.LNKTYPE})
_EMPTY: Final = _LINK | {tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE}
"""Of these nothing follows, whatever size they claim (as Go's archive/tar reads them)."""
_PAX: Final = frozenset({tarfile.XHDTYPE})


class Slice(io.RawIOBase):
    """A part of a file as a file; any number of them may be read at the same time."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self._descriptor = file.fileno()
        self._start = start
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the place in this part."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in this part."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]
        """Fill ``buffer`` as far as there is something left."""
        count = max(0, min(len(buffer), self._size - self._at))
        done = os.preadv(self._descriptor, [memoryview(buffer)[:count]], self._start + self._at)
        self._at += done
        return done


@dataclass(frozen=True, slots=True)
class _Member:
    """``start`` and ``size`` in bytes; ``link`` is the name that is meant, empty for a file.

    ``readable`` is False for what is neither file nor link, or is sparse.
    """

    start: int
    size: int
    link: str = ""
    readable: bool = True


class Members:
    """The index of an archive; ``file`` has to stay open, ``place`` is what to call it.

    CorruptLayoutError, with member and offset, if the archive is cut off or malformed.
    """

    def __init__(self, file: IO[bytes], place: str) -> None:
        self.place = place
        self._file = file
        self._end = file.seek(0, os.SEEK_END)
        self._members: dict[str, _Member] = {}
        self._twice: set[str] = set()
        self._index()

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def find(self, name: str) -> tuple[int, int]:
        """Return offset and size of a file, links followed; OSError if there is none."""
        for _ in range(_LINKS):
            if name in self._twice:
                raise CorruptLayoutError(f"{self.place} holds {name!a} more than once")
            member = self._members.get(name)
            if member is None:
                raise FileNotFoundError(errno.ENOENT, "the archive has no such member", name)
            if not member.readable:
                raise CorruptLayoutError(f"{self.place}: the member {name!a} is no plain file")
            if not member.link:
                return member.start, member.size
            name = member.link
        raise CorruptLayoutError(f"{self.place}: the member {name!a} is a link without an end")

    def open(self, name: str) -> IO[bytes]:
        """Open a file, links followed; OSError if there is none."""
        return io.BufferedReader(Slice(self._file, *self.find(name)), _BUFFER)

    def _index(self) -> None:
        at, given, count = 0, dict[str, str](), 0
        while (block := self._block(at)) is not None:
            count += 1
            if count > MOST:
                raise CorruptLayoutError(f"{self.place} has over {MOST} members")
            info = self._header(block, at)
            start = at + _BLOCK
            if info.type in _NAMES | _PAX | {tarfile.XGLTYPE}:
                size = info.size
                self._bound(at, size, "an extended header")
                more = self._extended(info, start)
                # Of several headers Go takes other ones, and forgets all at a global one.
                if given and (given.keys() & more.keys() or info.type not in _NAMES):
                    raise self._broken(at, "extended headers contradict each other")
                given |= more
            else:
                name = given.get("path", info.name)
                size = 0 if info.type in _EMPTY else _size(given, info.size)
                self._bound(at, size, f"the member {name[:200]!a}")
                self._add(info, given, start, size)
                given = {}
            at = start + size + -size % _BLOCK

    def _bound(self, at: int, size: int, what: str) -> None:
        if not 0 <= size <= self._end - at - _BLOCK:
            raise self._broken(at, f"{what} is cut off")

    def _block(self, at: int) -> bytes | None:
        """Return the header at ``at``; None at the end, which two blocks of zeros mark."""
        block = os.pread(self._file.fileno(), _BLOCK, at)
        if not block and at == 0:
            return None
        if not block:
            raise self._broken(at, "the archive is cut off, for it has no end")
        if len(block) < _BLOCK:
            raise self._broken(at, "a header is cut off")
        if block != _ZERO:
            return block
        after = os.pread(self._file.fileno(), _BLOCK, at + _BLOCK)
        if after.strip(b"\0"):
            raise self._broken(at + _BLOCK, "something follows the end of the archive")
        return None

    def _header(self, block: bytes, at: int) -> tarfile.TarInfo:
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.HeaderError, ValueError) as error:
            if at == 0:
                raise CorruptLayoutError(
                    f"{self.place} is no tar archive", hint="plain, gzip and zstd are read"
                ) from error
            raise self._broken(at, f"a header is malformed ({error})") from error
        try:
            name = _text(member_name(block))
        except MalformedError as error:
            raise self._broken(at, f"a header is malformed ({error})") from error
        if info.type == tarfile.SOLARIS_XHDTYPE or name.rstrip("/") != info.name.rstrip("/"):
            raise self._broken(at, f"readers disagree about the member {name[:200]!a}")
        return info

    def _extended(self, info: tarfile.TarInfo, at: int) -> Mapping[str, str]:
        """Return what a header says of the member after it."""
        data = self._content(at, info.size)
        if info.type in _NAMES:
            key = "path" if info.type == tarfile.GNUTYPE_LONGNAME else "linkpath"
            records = {key: _text(data.split(b"\0", 1)[0])}
        else:
            records = self._records(data, at)
        if "" in {records.get("path"), records.get("linkpath")}:
            raise self._broken(at, "an extended header has an empty name")
        if info.type in _NAMES:
            return records
        if info.type in _PAX:
            return records
        if not records.keys() <= {"comment"}:
            raise self._broken(at, "a global header changes other members")
        return {}

    def _records(self, data: bytes, at: int) -> dict[str, str]:
        """Read pax records: length, key, value, newline (POSIX.1-2017, pax, extended header)."""
        found, begin = dict[str, str](), 0
        while begin < len(data):
            digits = data[begin : begin + 8].partition(b" ")[0]
            end = begin + int(digits) if digits.isdigit() else begin
            key, equals, value = data[begin + len(digits) + 1 : end].partition(b"=")
            if end > len(data) or not key or not equals or not value.endswith(b"\n"):
                raise self._broken(at, "a pax header is malformed")
            found[_text(key)] = _text(value[:-1])
            begin = end
        return found

    def _content(self, at: int, size: int) -> bytes:
        if size > _HEADER:
            raise self._broken(at, f"an extended header has {size} bytes")
        return os.pread(self._file.fileno(), size, at)

    def _add(self, info: tarfile.TarInfo, given: Mapping[str, str], at: int, size: int) -> None:
        name = self._inside(given.get("path", info.name), at)
        link = given.get("linkpath", info.linkname)
        if info.type == tarfile.GNUTYPE_SPARSE or any(
            key.startswith("GNU.sparse") for key in given
        ):
            raise self._broken(at - _BLOCK, f"the member {name[:200]!a} is sparse")
        if name in self._members and info.type != tarfile.DIRTYPE:
            self._twice.add(name)
        if info.type == tarfile.SYMTYPE:
            link = posixpath.join(posixpath.dirname(name), link)
        if info.type in _LINK:
            self._members[name] = _Member(at, 0, self._inside(link, at))
        else:
            self._members[name] = _Member(at, size, readable=info.type in _FILES)

    def _inside(self, name: str, at: int) -> str:
        plain = posixpath.normpath(name)
        if name.startswith("/") or plain.split("/", 1)[0] == ".." or "\0" in name:
            raise self._broken(at - _BLOCK, f"the member or link {name[:200]!a} leads out of it")
        return plain

    def _broken(self, at: int, what: str) -> CorruptLayoutError:
        return CorruptLayoutError(f"{self.place} is corrupt at byte {at}: {what}")


def _size(given: Mapping[str, str], size: int) -> int:
    text = given.get("size")
    if text is None:
        return size
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1  # noqa: PLR2004


def _text(data: bytes) -> str:
    return data.decode(errors="surrogateescape")
