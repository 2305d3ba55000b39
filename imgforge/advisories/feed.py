"""What advisories come in: files, folders and archives, read as one stream each.

Told apart by content: OSV documents (JSON, one in a file or one a line, YAML; folders, zips and
tars of them), CISA's list of exploited vulnerabilities (KEV), FIRST's probabilities (EPSS) and
exported databases. gzip and zstd may be around each. Memory does not depend on their size, nothing
is unpacked, and what was read is what is hashed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final, Literal, NamedTuple

from imgforge import strictyaml
from imgforge.advisories.osv import LARGEST
from imgforge.analysis.compression import GZIP, ZSTD, CompressionError, gunzip, unzstd
from imgforge.errors import InvalidInputError

Kind = Literal["osv", "kev", "epss", "database"]

EXPANDED: Final = 64 << 30
"""Bytes that one source may unpack to."""
_DOCUMENTS: Final = 5_000_000
_HEAD: Final = 4096
_PIECE: Final = 1 << 20
_MEMBERS: Final = 1_000_000
_WINDOW: Final = 128 << 20
_SUFFIXES: Final = (".json", ".yaml", ".yml")
_SQLITE: Final = b"SQLite format 3\0"
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_TAR: Final = slice(257, 262)

_LARGEST_YAML: Final = 2 << 20

Read = Callable[[int], bytes]


class Document(NamedTuple):
    """One document and where it stood."""

    place: str
    data: bytes


class Stream:
    """Bytes that come in pieces, of which the first can be looked at."""

    def __init__(self, more: Read) -> None:
        self._more = more
        self._head = b""

    def peek(self, count: int) -> bytes:
        """Return the next ``count`` bytes, and leave them; fewer only at the end."""
        while len(self._head) < count and (piece := self._more(_PIECE)):
            self._head += piece
        return self._head[:count]

    def read(self, count: int) -> bytes:
        """Return up to ``count`` bytes; none only at the end."""
        if not self._head:
            self._head = self._more(min(count, _PIECE))
        out, self._head = self._head[:count], self._head[count:]
        return out

    def line(self, limit: int) -> bytes:
        """Return up to and with the next line feed, at most one byte over ``limit``."""
        have = 0
        while True:
            at = self._head.find(b"\n", have)
            if at >= 0 or len(self._head) > limit:
                return self.read(min(at + 1 if at >= 0 else limit + 1, limit + 1))
            have = len(self._head)
            piece = self._more(_PIECE)
            if not piece:
                return self.read(limit + 1)
            self._head += piece


class Feed:
    """One source of one kind: iterate over its documents; ``digest`` is known after the last.

    Close it, or use ``with``. InvalidInputError names what cannot be read.
    """

    def __init__(self, path: Path, count: Callable[[int], None]) -> None:
        self.path = path
        self._count = count
        self._hash = hashlib.sha256()
        self._file: IO[bytes] | None = None
        self._spent = 0
        self.kind: Kind = "osv"
        try:
            if path.is_dir():
                return
            self._file = path.open("rb")
        except OSError as error:
            raise InvalidInputError(f"cannot read {path}: {error.strerror}") from error
        try:
            self.stream = self._opened()
            self.kind = self._kind()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    @property
    def digest(self) -> str:
        """``sha256:<hex>`` of the file, or over the folder's names and files."""
        if self._file is not None:
            while self._raw(_PIECE):
                pass
        return f"sha256:{self._hash.hexdigest()}"

    def __iter__(self) -> Iterator[Document]:
        number = 0
        try:
            for document in self._documents():
                number += 1
                if number > _DOCUMENTS:
                    raise InvalidInputError(f"{self.path} has over {_DOCUMENTS} documents")
                yield document
        except CompressionError as error:
            raise InvalidInputError(f"{self.path} cannot be unpacked: {error}") from error
        except OSError as error:
            raise InvalidInputError(f"cannot read {self.path}: {error.strerror}") from error

    def pieces(self) -> Iterator[bytes]:
        """Yield all of it, unpacked."""
        try:
            while piece := self.stream.read(_PIECE):
                yield piece
        except CompressionError as error:
            raise InvalidInputError(f"{self.path} cannot be unpacked: {error}") from error

    def _raw(self, count: int) -> bytes:
        assert self._file is not None  # noqa: S101 - only files have streams
        piece = self._file.read(count)
        self._hash.update(piece)
        self._count(len(piece))
        return piece

    def _spend(self, count: int) -> None:
        self._spent += count
        if self._spent > EXPANDED:
            raise InvalidInputError(f"{self.path} unpacks to over {EXPANDED} bytes")

    def _opened(self) -> Stream:
        stream = Stream(self._raw)
        head = stream.peek(_HEAD)
        try:
            if head.startswith(GZIP):
                return Stream(self._unpacked(gunzip(stream.read, _MEMBERS)))
            if head.startswith(ZSTD):
                return Stream(self._unpacked(unzstd(stream.read, _WINDOW)))
        except CompressionError as error:
            raise InvalidInputError(f"{self.path} cannot be unpacked: {error}") from error
        return stream

    def _unpacked(self, pieces: Iterator[bytes]) -> Read:
        def read(_: int) -> bytes:
            piece = next(pieces, b"")
            self._spend(len(piece))
            return piece

        return read

    def _kind(self) -> Kind:
        try:
            head = self.stream.peek(_HEAD)
        except CompressionError as error:
            raise InvalidInputError(f"{self.path} cannot be unpacked: {error}") from error
        if head.startswith(_SQLITE):
            return "database"
        if head.startswith((b"#model_version:", b"cve,epss")):
            return "epss"
        if head.lstrip()[:1] == b"{" and b'"catalogVersion"' in head:
            return "kev"
        return "osv"

    def _documents(self) -> Iterator[Document]:
        if self._file is None:
            yield from self._folder()
            return
        head = self.stream.peek(_HEAD)
        name = self.path.name
        if head.startswith(_ZIP):
            yield from self._zip()
        elif head[_TAR] == b"ustar":
            yield from self._tar()
        elif _has_lines(self.stream, head):
            number = 0
            while line := self.stream.line(LARGEST):
                number += 1
                if line.strip():
                    yield Document(f"{name}:{number}", line)
        else:
            yield Document(name, _whole(self.stream.read, name))

    def _folder(self) -> Iterator[Document]:
        count = 0
        for path in _files(self.path):
            name = str(path.relative_to(self.path))
            with path.open("rb") as file:
                data = _whole(file.read, name)
            count += 1
            self._count(len(data))
            self._hash.update(
                f"{name}\0".encode(errors="surrogateescape") + hashlib.sha256(data).digest()
            )
            yield Document(name, data)
        if not count:
            raise InvalidInputError(
                f"{self.path} has no advisories: not one file in it ends in " + ", ".join(_SUFFIXES)
            )

    def _zip(self) -> Iterator[Document]:
        from imgforge.analysis.zip import Zip

        archive = Zip(b"", self.stream.read, 64 << 10, self._spend)
        count = 0
        for name, first in archive:
            if _wanted(name):
                count += 1
                yield _member(self.path, name, first, archive.read)
        if archive.problems:
            _, problem = archive.problems[0]
            raise InvalidInputError(f"{self.path} is damaged: {problem}")
        if not count:
            raise InvalidInputError(f"{self.path} has no advisories in it")

    def _tar(self) -> Iterator[Document]:
        from imgforge.analysis.blob import Limits
        from imgforge.analysis.facts import FILE
        from imgforge.analysis.tar import Archive

        archive = Archive(iter(lambda: self.stream.read(_PIECE), b""), Limits(entries=_DOCUMENTS))
        count = 0
        for member in archive:
            if member.kind == FILE and _wanted(member.name):
                count += 1
                yield _member(self.path, member.name, b"", archive.read)
        if archive.problems:
            raise InvalidInputError(f"{self.path} is damaged: {archive.problems[0].detail}")
        if not count:
            raise InvalidInputError(f"{self.path} has no advisories in it")


def _files(folder: Path) -> Iterator[Path]:
    """Yield a folder's advisories by name; no link is followed and nothing hidden is looked at."""

    def fail(error: OSError) -> None:
        raise error

    for here, below, files in os.walk(folder, onerror=fail):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(files):
            path = Path(here, name)
            if _wanted(name.encode(errors="surrogateescape")) and not path.is_symlink():
                yield path


def _wanted(name: bytes) -> bool:
    last = name.rpartition(b"/")[2]
    return last.endswith(tuple(s.encode() for s in _SUFFIXES)) and not last.startswith(b".")


def _member(path: Path, name: bytes, first: bytes, read: Read) -> Document:
    place = f"{path.name}!/{name.decode(errors='backslashreplace')}"
    return Document(place, _whole(read, place, first))


def _whole(read: Read, place: str, first: bytes = b"") -> bytes:
    parts, size = [first], len(first)
    while size <= LARGEST and (piece := read(_PIECE)):
        parts.append(piece)
        size += len(piece)
    if size > LARGEST:
        raise InvalidInputError(f"{place!a:.300} is over {LARGEST} bytes: that is no advisory")
    return b"".join(parts)


def _has_lines(stream: Stream, head: bytes) -> bool:
    """Whether a text has a whole document in each line."""
    if head.lstrip()[:1] != b"{":
        return False
    from imgforge.advisories.osv import decode

    size = _HEAD
    while b"\n" not in head.lstrip() and len(head) == size and size <= LARGEST:
        size *= 2
        head = stream.peek(size)
    first, _, rest = head.lstrip().partition(b"\n")
    if not rest.strip():
        return False
    try:
        decode(first)
    except ValueError:
        return False
    return True


def load(document: Document) -> dict[str, Any]:
    """Decode a document, JSON or YAML by its place; ValueError if it is neither."""
    from imgforge.advisories.osv import decode

    if not document.place.endswith((".yaml", ".yml")):
        return decode(document.data)
    if len(document.data) > _LARGEST_YAML:
        raise ValueError(f"it is over {_LARGEST_YAML} bytes")
    return strictyaml.load_object(document.data)
