"""RPM's databases, of which each takes a package's header for a value: SQLite, ndb, Berkeley DB.

No library reads them from bytes, and whatever opens a file runs on what strangers wrote. SQLite's
own is given the bytes as an image in memory, may do nothing but read one table, and is stopped
after a number of steps. ndb is rpm's own (lib/backend/ndb), little-endian: slots of 16 bytes that
say where each header lies. Of Berkeley DB (4 to 5, the hash method of rpm before 4.16) the pages
are walked one after the other; what looks keys up is not needed. All of it is bounded by the size
of the file: a page, slot or byte is used once.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3

_SQLITE: Final = b"SQLite format 3\0"
_WAL: Final = 2
_STEPS: Final = 10_000
"""Steps of SQLite's machine between two looks at how many there were."""

_LOOKS: Final = 2_000
_PAGE: Final = 4096
_SLOT: Final = struct.Struct("<IIII")
_TAIL: Final = struct.Struct("<III")
_NDB: Final = b"RpmP"
_SLOT_MAGIC: Final = int.from_bytes(b"Slot", "little")
_BLOB_MAGIC: Final = int.from_bytes(b"BlbS", "little")
_END_MAGIC: Final = int.from_bytes(b"BlbE", "little")
_BLOCK: Final = 16
_HASH: Final = 0x061561


def headers(data: bytes) -> Iterator[bytes]:
    """Yield every package's header; ValueError if the database is broken or of no known kind."""
    if data.startswith(_SQLITE):
        return _sqlite(data)
    if data.startswith(_NDB):
        return _ndb(data)
    if len(data) >= 512 and _HASH in {_number(data, 12, o) for o in ("<", ">")}:  # noqa: PLR2004
        return _berkeley(data)
    raise ValueError("no database of a kind that rpm has")


def _sqlite(data: bytes) -> Iterator[bytes]:
    import sqlite3

    image = bytearray(data)
    # A database in memory has no log beside it; what a log has is a problem of its own (rpm.wants).
    for at in (18, 19):
        if image[at : at + 1] == bytes([_WAL]):
            image[at] = 1
    looks = 0

    def look() -> bool:
        nonlocal looks
        looks += 1
        return looks > _LOOKS

    try:
        with contextlib.closing(sqlite3.connect(":memory:")) as base:
            base.deserialize(image)
            del image
            base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, len(data))
            base.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
            base.execute("PRAGMA query_only = 1")
            base.execute("PRAGMA trusted_schema = 0")
            base.execute("PRAGMA cell_size_check = 1")
            base.set_progress_handler(look, _STEPS)
            base.set_authorizer(_permit)
            read = 0
            for blob in _blobs(base):
                # A broken tree may lead to the same page again and again.
                read += len(blob)
                if read > len(data):
                    raise ValueError("the database has more in it than it is large")
                yield blob
    except sqlite3.Error as error:
        why = "it takes too many steps" if looks > _LOOKS else ascii(str(error))
        raise ValueError(f"the SQLite database cannot be read: {why}") from error


def _permit(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Permit the one question that is asked (sqlite3_set_authorizer)."""
    import sqlite3

    allowed = action == sqlite3.SQLITE_SELECT or (
        action == sqlite3.SQLITE_READ
        and (first, second) in {("Packages", "blob"), ("Packages", "hnum"), ("Packages", "ROWID")}
    )
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _blobs(base: sqlite3.Connection) -> Iterator[bytes]:
    for (blob,) in base.execute("SELECT blob FROM Packages ORDER BY hnum"):
        if not isinstance(blob, bytes):
            raise ValueError("a row of the database holds no header")  # noqa: TRY004 - one error
        yield blob


def _ndb(data: bytes) -> Iterator[bytes]:
    _, version, _, pages = _SLOT.unpack(data[:16].ljust(16, b"\0"))
    end = pages * _PAGE
    if version != 0 or not 0 < end <= len(data):
        raise ValueError(f"the ndb database has no {pages} pages of slots of version {version}")
    used = 0
    # The header takes the place of the first two slots.
    for magic, number, block, blocks in _SLOT.iter_unpack(data[2 * _SLOT.size : end]):
        if magic != _SLOT_MAGIC:
            raise ValueError("a slot of the ndb database is broken")
        if number == 0:
            continue
        at = block * _BLOCK
        used += blocks * _BLOCK
        if at < end or at + blocks * _BLOCK > len(data) or used > len(data):
            raise ValueError(f"package {number} lies outside of the ndb database")
        yield _ndb_blob(data[at : at + blocks * _BLOCK], number)


def _ndb_blob(area: bytes, number: int) -> bytes:
    if len(area) < _SLOT.size + _TAIL.size:
        raise ValueError(f"package {number} of the ndb database has no room")
    magic, said, _, size = _SLOT.unpack_from(area)
    after = _SLOT.size + size
    tail = len(area) - _TAIL.size
    if (magic, said) != (_BLOB_MAGIC, number) or after > tail:
        raise ValueError(f"package {number} of the ndb database is broken")
    checksum, length, magic = _TAIL.unpack_from(area, tail)
    if (length, magic) != (size, _END_MAGIC) or checksum != zlib.adler32(area[:tail]):
        raise ValueError(f"package {number} of the ndb database does not match its checksum")
    return area[_SLOT.size : after]


def _number(data: bytes, at: int, order: str) -> int:
    return int(struct.unpack_from(f"{order}I", data, at)[0])


_PAGES: Final = frozenset({2, 13})
"""Pages of a hash that hold keys and values: in the older form and the present one."""

_OVERFLOW: Final = 7
_INLINE: Final = 1
_ELSEWHERE: Final = 3
_HEAD: Final = 26
"""Bytes before what a page of Berkeley DB holds (db_page.h)."""


def _berkeley(data: bytes) -> Iterator[bytes]:
    order = "<" if _number(data, 12, "<") == _HASH else ">"
    size, last = _number(data, 20, order), _number(data, 32, order)
    if size not in {1 << power for power in range(9, 17)} or (last + 1) * size > len(data):
        raise ValueError(f"the Berkeley DB has no {last} pages of {size} bytes")
    if data[24]:
        raise ValueError("the Berkeley DB is encrypted")
    pages = _Pages(data, size, order)
    for number in range(1, last + 1):
        for value in pages.values(number):
            if value[:1] == bytes([_ELSEWHERE]) and len(value) >= 12:  # noqa: PLR2004
                yield pages.chain(_number(value, 4, order), _number(value, 8, order))
            elif value[:1] != bytes([_INLINE]):
                raise ValueError(f"page {number} of the Berkeley DB has a broken entry")
            elif len(value) > 5:  # noqa: PLR2004 - what is shorter counts the packages
                yield value[1:]


class _Pages:
    """The pages of a Berkeley DB, those that values lie on each read once."""

    def __init__(self, data: bytes, size: int, order: str) -> None:
        self._data = data
        self._size = size
        self._order = order
        self._used: set[int] = set()

    def at(self, number: int) -> bytes:
        """Return page ``number``; ValueError if there is none."""
        page = self._data[number * self._size : (number + 1) * self._size]
        if len(page) < self._size:
            raise ValueError(f"the Berkeley DB has no page {number}")
        return page

    def values(self, number: int) -> Iterator[bytes]:
        """Yield the values, not the keys, that page ``number`` holds."""
        page = self.at(number)
        if page[25] not in _PAGES:
            return
        count = struct.unpack_from(f"{self._order}H", page, 20)[0]
        if _HEAD + 2 * count > self._size or count % 2:
            raise ValueError(f"page {number} of the Berkeley DB has no {count} entries")
        offsets = struct.unpack_from(f"{self._order}{count}H", page, _HEAD)
        # Entries lie from the end of the page towards its beginning, each before the last.
        for key, value in zip(offsets[::2], offsets[1::2], strict=True):
            yield page[value:key]

    def chain(self, number: int, length: int) -> bytes:
        """Return the ``length`` bytes of the value that begins on page ``number``."""
        parts, found = [], 0
        while number:
            page = self.at(number)
            if page[25] != _OVERFLOW or number in self._used:
                raise ValueError(f"page {number} of the Berkeley DB is not what follows there")
            self._used.add(number)
            held = struct.unpack_from(f"{self._order}H", page, 22)[0]
            parts.append(page[_HEAD : _HEAD + held])
            found += len(parts[-1])
            number = _number(page, 16, self._order)
        if found != length:
            raise ValueError(f"a value of the Berkeley DB has {found} bytes, not {length}")
        return b"".join(parts)
