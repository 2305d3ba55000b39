"""Reading zip archives as streams, by their local headers (PKWARE's APPNOTE.TXT 6.3.10, 4.3).

The central directory, which other readers go by, comes last and is compared with what was read.
Memory does not depend on the size of an archive or of its members, and each byte is read once:
members that overlap gain nothing. The standard library's ``zipfile`` needs a file to seek in.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from struct import Struct
from typing import Any, Final, NamedTuple

from deflate import DeflateError, deflate_decompress

from imgforge.analysis.compression import RAW, READ, Read, inflater

MAGIC: Final = (b"PK\x03\x04", b"PK\x05\x06")
"""What archives begin with: a member, or the end of an empty one."""

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_END64, _LOCATOR64, _DESCRIPTOR = b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08"
_ANY: Final = re.compile(rb"PK(?:\x03\x04|\x01\x02|\x05\x06|\x06\x06)")
_LOCAL_FIELDS: Final = Struct("<6xHH4xIIIHH")
_CENTRAL_FIELDS: Final = Struct("<10xH4xIIIHHH8xI")
_END_FIELDS: Final = Struct("<16xIH")
_END64_FIELDS: Final = Struct("<4xQ36xQ")
_CHECK: Final = Struct("<III")
_CHECK64: Final = Struct("<IQQ")
_EXTRA: Final = Struct("<HH")
_LONG: Final = Struct("<Q")
_ZIP64: Final = 1
_HUGE: Final = 0xFFFFFFFF
_ENCRYPTED, _DESCRIBED = 1, 8
_STORED, _DEFLATED = 0, 8
_FIRST: Final = 8 << 10
"""Bytes given to a decompressor at once while a member's length is unknown: most are shorter, and
what is left over is copied."""


_NONE: Final = 2
"""Bytes of deflate that stand for nothing."""

_TAIL: Final = (64 << 10) + 22
"""Bytes from the end within which a zip has to say that it ends."""

NO_END: Final = ("damaged", "zip: it has no end")
_FAR: Final = 1 << 20
"""Bytes searched for the end of a stored member whose length is unknown."""


class Zip:
    """Iterate over members as names and first bytes; :meth:`read` gives the rest of that at hand.

    Names are the bytes of the archive. ``problems`` are pairs: ``encrypted`` or ``unread`` for
    members whose content was not read, ``damaged`` for what readers may take differently, and
    what is wrong; one of each sort, about the first member that has it. Whatever ``spend``, which
    is told the bytes of content as they come, raises goes to the caller.
    """

    def __init__(self, head: bytes, read: Read, window: int, spend: Callable[[int], None]) -> None:
        self._read = read
        self._window = window
        self._spend = spend
        self._new, self._failure = inflater(RAW)
        self._crc32: Callable[[bytes, int], int] = _crc32()
        self._buffer = head
        self._at = 0
        self._base = 0
        self._found: dict[tuple[str, str], str] = {}
        self._local: dict[int, int] = {}
        self._central: dict[int, int] = {}
        self._directory = -1
        self._shift: int | None = None
        self._lost = False
        # The member at hand.
        self._stream: Any = None
        self._input = b""
        self._left: int | None = 0
        self._ended = True
        self._crc = self._size = 0

    @property
    def problems(self) -> list[tuple[str, str]]:
        """What was wrong, as pairs of a kind and a sentence."""
        return [(kind, f"zip: {what}{where}") for (kind, what), where in self._found.items()]

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        ended = False
        while self._need(4):
            sign = self._buffer[self._at : self._at + 4]
            if sign == _LOCAL and self._need(30):
                yield from self._member()
            elif sign == _CENTRAL and self._need(46):
                self._entry()
            elif sign == _END64 and self._need(56):
                size, offset = _END64_FIELDS.unpack_from(self._buffer, self._at)
                self._shift = self._directory - offset
                self._skip(12 + size)
            elif sign == _LOCATOR64 and self._need(20):
                self._skip(20)
            elif sign == _END and self._need(22):
                offset, comment = _END_FIELDS.unpack_from(self._buffer, self._at)
                if self._shift is None:
                    self._shift = self._directory - offset
                self._compare()
                self._skip(22 + comment)
                ended = True
            else:
                self._seek()
        if not ended or self._local or self._central:
            self._problem("damaged", "it has no end")

    def read(self, count: int) -> bytes:
        """Return up to ``count`` bytes more of the member at hand; none at its end."""
        data = self._stored(count) if self._stream is None else self._inflated(count)
        if data:
            self._spend(len(data))
            self._crc = self._crc32(data, self._crc)
            self._size += len(data)
        return data

    def _problem(self, kind: str, what: str, where: bytes | None = None) -> None:
        text = "" if where is None else f" ({where[:200].decode(errors='surrogateescape')})"
        self._found.setdefault((kind, what), text)

    def _need(self, count: int) -> bool:
        """Have ``count`` bytes in the buffer; False if the stream ends before."""
        have = len(self._buffer) - self._at
        if have >= count:
            return True
        parts = [self._buffer[self._at :]]
        while have < count and (piece := self._read(READ)):
            parts.append(piece)
            have += len(piece)
        self._base += self._at
        self._buffer, self._at = b"".join(parts), 0
        return have >= count

    def _skip(self, count: int) -> None:
        while count > (have := len(self._buffer) - self._at):
            count -= have
            self._base += len(self._buffer)
            self._buffer, self._at = self._read(READ), 0
            if not self._buffer:
                return
        self._at += count

    def _seek(self) -> None:
        """Go on to what may be the next header; what is between, such as signatures, is passed."""
        self._at += 1
        while self._need(4):
            found = _ANY.search(self._buffer, self._at)
            if found:
                self._at = found.start()
                return
            self._at = len(self._buffer) - 3
        self._at = len(self._buffer)

    def _member(self) -> Iterator[tuple[bytes, bytes]]:
        place = self._base + self._at
        fields = _LOCAL_FIELDS.unpack_from(self._buffer, self._at)
        flags, method, crc, packed, size, named, extra = fields
        if not self._need(30 + named + extra):
            self._at = len(self._buffer)
            return
        start = self._at + 30
        name = self._buffer[start : start + named]
        self._at = start + named + extra
        if _HUGE in {packed, size}:
            more = self._buffer[start + named : self._at]
            size, packed = _long(more, size, packed)
        described = bool(flags & _DESCRIBED)
        if described and method == _STORED and not packed:
            packed = self._distance()
            described = packed > 0 or self._starts(_DESCRIPTOR)
        unread = _unread(flags, method, packed)
        if unread:
            self._problem(*unread, name)
            self._local[place] = 0
            self._skip(max(packed, 0))
            return
        begin = self._base + self._at
        self._begin(method, None if described and method == _DEFLATED and not packed else packed)
        yield name, self.read(self._window)
        while not self._ended and self.read(READ):
            pass
        length = self._base + self._at - begin
        if self._left:
            self._problem("damaged", "a member ends early", name)
            self._skip(self._left)
        if not (
            self._descriptor(self._crc, length, self._size)
            if described
            else (self._crc, self._size) == (crc, size)
        ):
            self._problem("damaged", "a member's checksum or length is wrong", name)
        self._local[place] = hash((name, method, self._crc, length, self._size))

    def _begin(self, method: int, packed: int | None) -> None:
        """Have a member of ``packed`` bytes at hand, None if only its end tells."""
        self._stream = self._new() if method == _DEFLATED else None
        self._input, self._left, self._ended = b"", packed, packed == 0
        self._crc = self._size = 0

    def _distance(self) -> int:
        """Return the length of a stored member that only its descriptor says; -1 if none does."""
        if not self._need(4) or self._starts(b"PK"):
            return 0
        if self._lost:
            return -1
        self._need(_FAR)
        at = self._at
        while (at := self._buffer.find(_DESCRIPTOR, at, self._at + _FAR)) >= 0:
            said = self._buffer[at + 8 : at + 12]
            if int.from_bytes(said, "little") == at - self._at:
                return at - self._at
            at += 1
        self._lost = True
        return -1

    def _starts(self, sign: bytes) -> bool:
        return self._buffer.startswith(sign, self._at)

    def _stored(self, count: int) -> bytes:
        count = min(count, self._left or 0)
        if not self._need(count):
            count = len(self._buffer) - self._at
            self._left = count
        if not count:
            return b""
        start, self._at = self._at, self._at + count
        self._left = (self._left or 0) - count
        return self._buffer[start : self._at]

    def _inflated(self, count: int) -> bytes:
        out: list[bytes] = []
        while count and not self._ended:
            given = self._input or self._bite()
            try:
                piece = self._stream.decompress(given, count)
            except self._failure:
                self._problem("damaged", "a member cannot be inflated")
                self._ended, self._left = True, self._left and 0
                break
            if self._stream.eof:
                over = len(self._stream.unused_data)
                self._at -= over
                self._left = None if self._left is None else self._left + over
                self._ended = True
                if not out:
                    return piece  # type: ignore[no-any-return]
            else:
                self._input = self._stream.unconsumed_tail
                if not piece and not given:
                    self._problem("damaged", "a member is truncated")
                    self._ended = True
            out.append(piece)
            count -= len(piece)
        return b"".join(out)

    def _bite(self) -> bytes:
        """Take some of the packed bytes; none when the member or the stream has no more."""
        most = _FIRST if self._left is None else min(self._left, READ)
        if self._at == len(self._buffer):
            self._need(1)
        given = self._buffer[self._at : self._at + most]
        self._at += len(given)
        if self._left is not None:
            self._left -= len(given)
        return given

    def _descriptor(self, crc: int, packed: int, size: int) -> bool:
        """Pass the descriptor after a member if it says this; its signature is optional."""
        self._need(24)
        at = self._at + 4 * self._starts(_DESCRIPTOR)
        forms = [_CHECK64.pack(crc, packed, size)]
        if max(packed, size) <= _HUGE:
            forms.insert(0, _CHECK.pack(crc, packed, size))
        for want in forms:
            if self._buffer.startswith(want, at):
                self._at = at + len(want)
                return True
        return False

    def _entry(self) -> None:
        """Read one entry of the central directory."""
        if self._directory < 0:
            self._directory = self._base + self._at
        fields = _CENTRAL_FIELDS.unpack_from(self._buffer, self._at)
        method, crc, packed, size, named, extra, comment, offset = fields
        length = 46 + named + extra + comment
        if not self._need(length):
            self._at = len(self._buffer)
            return
        start = self._at + 46
        name = self._buffer[start : start + named]
        if _HUGE in {packed, size, offset}:
            more = self._buffer[start + named : start + named + extra]
            size, packed, offset = _long(more, size, packed, offset)
        self._at += length
        value = hash((name, method, crc, packed, size))
        if self._central.setdefault(offset, value) != value:
            self._problem("damaged", "two members are one", name)

    def _compare(self) -> None:
        """Compare what was read with what the central directory has."""
        shift = self._shift or 0
        for offset, value in self._central.items():
            known = self._local.pop(offset + shift, None)
            if known is None:
                self._problem("unread", "the directory has members that are not there")
            elif known and known != value:
                self._problem("damaged", "the directory says other things than its members")
        if self._local:
            self._problem("damaged", "it has members that its directory lacks")
        self._local, self._central = {}, {}
        self._directory, self._shift = -1, None


class Part(NamedTuple):
    """A member of a regular archive: where its bytes start, and what its headers say of it."""

    name: bytes
    place: int
    start: int
    end: int
    next: int
    size: int
    crc: int
    deflated: bool


class Whole:
    """What :class:`Zip` is, for a regular archive that is held whole: lengths are known there."""

    def __init__(
        self, data: bytes, parts: list[Part], window: int, spend: Callable[[int], None]
    ) -> None:
        self._data = data
        self._parts = parts
        self._window = window
        self._spend = spend
        self._large: Zip | None = None
        self.problems: list[tuple[str, str]] = []

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        crc32 = _crc32()
        data = self._data
        for part in self._parts:
            name, _, start, end, _, size, crc, deflated = part
            piece = data[start:end]
            if deflated and size:
                try:
                    piece = bytes(deflate_decompress(piece, size)) if size <= self._window else b""
                except DeflateError:
                    piece = b""
            elif deflated:
                piece = b""
            if len(piece) != size or size > self._window or crc32(piece, 0) != crc:
                yield from self._slowly(part)
            else:
                self._spend(size)
                yield name, piece

    def _slowly(self, part: Part) -> Iterator[tuple[bytes, bytes]]:
        """Read a member as a stream: it is large, or not what its header says."""
        member = Zip(self._data[part.place : part.next], _nothing, self._window, self._spend)
        self._large = member
        yield from member
        self._large = None
        self.problems = self.problems or [told for told in member.problems if told != NO_END]

    def read(self, count: int) -> bytes:
        """Return up to ``count`` bytes more of the member at hand; none at its end."""
        return self._large.read(count) if self._large else b""


def regular(data: bytes) -> list[Part] | None:
    """Return the members of a whole archive if readers cannot take it differently, else None.

    Headers and directory agree, members fill all that is before the directory, and nothing
    comes after it.
    """
    end = len(data) - _END_FIELDS.size
    if end < 0 or not data.startswith(_END, end):
        return None
    offset, comment = _END_FIELDS.unpack_from(data, end)
    if comment:
        return None
    found: list[Part] = []
    at, place = offset, 0
    while at + _CENTRAL_FIELDS.size <= end and data.startswith(_CENTRAL, at):
        method, crc, packed, size, named, extra, more, said = _CENTRAL_FIELDS.unpack_from(data, at)
        name = data[at + 46 : at + 46 + named]
        at += 46 + named + extra + more
        part = _part(data, name, (place, method, crc, packed, size))
        if said != place or part is None:
            return None
        found.append(part)
        place = part.next
    return found if place == offset and at == end else None


def appended(data: bytes, *, whole: bool) -> bool:
    """Whether a zip ends at the end of ``data``: readers go by that, whatever is before it.

    If ``data`` is not ``whole`` but the end of a file, its directory may begin before it.
    """
    if 0 not in data:  # lengths have some, and most texts none: this is much quicker
        return False
    at = data.rfind(_END, max(0, len(data) - _TAIL))
    if at < 0 or at + _END_FIELDS.size > len(data):
        return False
    length = int.from_bytes(data[at + 12 : at + 16], "little")
    if length <= at:
        return data.startswith((_CENTRAL, _END64), at - length) and length > 0
    _, comment = _END_FIELDS.unpack_from(data, at)
    return at + _END_FIELDS.size + comment == len(data) and (length == _HUGE or not whole)


def _part(data: bytes, name: bytes, said: tuple[int, int, int, int, int]) -> Part | None:
    """Compare a member's header with what the directory says."""
    place, method, crc, packed, size = said
    if not data.startswith(_LOCAL, place) or place + _LOCAL_FIELDS.size > len(data):
        return None
    flags, *fields, named, extra = _LOCAL_FIELDS.unpack_from(data, place)
    start = place + 30 + named + extra
    at = start + packed
    if flags & _DESCRIBED:
        at += 4 * data.startswith(_DESCRIPTOR, at)
        if fields[0] != method or not data.startswith(_CHECK.pack(crc, packed, size), at):
            return None
        at += _CHECK.size
    elif fields != [method, crc, packed, size]:
        return None
    if (
        flags & _ENCRYPTED
        or _HUGE in {packed, size}
        or not (
            packed == size
            if method == _STORED
            else method == _DEFLATED and (size or packed <= _NONE)
        )
        or data[place + 30 : place + 30 + named] != name
    ):
        return None
    return Part(name, place, start, start + packed, at, size, crc, method == _DEFLATED)


def _nothing(_: int) -> bytes:
    return b""


def _unread(flags: int, method: int, packed: int) -> tuple[str, str] | None:
    """Say why a member cannot be read; None if it can."""
    if flags & _ENCRYPTED:
        return "encrypted", "a member is encrypted"
    if method not in {_STORED, _DEFLATED}:
        return "unread", f"a member is packed with method {method}"
    return ("unread", "a member is stored without a length") if packed < 0 else None


def _long(extra: bytes, *values: int) -> list[int]:
    """Replace the ``values`` that do not fit 32 bits by those of the zip64 field (4.5.3)."""
    out = list(values)
    at = 0
    while at + 4 <= len(extra):
        kind, length = _EXTRA.unpack_from(extra, at)
        at += 4
        if kind == _ZIP64:
            end = min(at + length, len(extra))
            for index, value in enumerate(out):
                if value == _HUGE and at + 8 <= end:
                    out[index] = _LONG.unpack_from(extra, at)[0]
                    at += 8
            break
        at += length
    return out


def _crc32() -> Callable[[bytes, int], int]:
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib.crc32
    crc32: Callable[[bytes, int], int] = isal_zlib.crc32
    return crc32
