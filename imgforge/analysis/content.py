"""What is in files: credentials, malware, and which programs they are.

A file is judged by its bytes, never by its name or place. Text, executables and other binaries
are searched as they are, UTF-16 as the text it stands for, and archives and compressed files are
opened, whatever is in them likewise. Nothing is held whole that is larger than a window, and
what an archive may expand to is bounded: a file beyond that, or one that cannot be opened, is a
problem.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from imgforge.analysis import git, kinds
from imgforge.analysis.blob import Limits
from imgforge.analysis.compression import (
    GZIP,
    PIECE,
    XZ,
    ZSTD,
    CompressionError,
    Read,
    bunzip2,
    gunzip,
    unxz,
    unzstd,
)
from imgforge.analysis.facts import FILE, Binary, MalwareHit, Package, Problem, SecretHit
from imgforge.analysis.linked import Found, Linked
from imgforge.analysis.packages import reader
from imgforge.analysis.packages.java import Jar
from imgforge.analysis.programs import Mark, identify
from imgforge.analysis.tar import Archive
from imgforge.analysis.zip import Whole, Zip, appended, regular
from imgforge.secrets.catalogue import RULES, Rule
from imgforge.secrets.der import is_private_key
from imgforge.secrets.find import LONGEST, Candidates, Match, find, is_config, redacted

_EDGE: Final = 64
_CLASS: Final = b"\xca\xfe\xba\xbe"
"""Java's classes: by far the most common of what is in archives, and always the same to do."""

_MARKS: Final = (
    *(codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
    *(codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
)
_KEPT: Final = 128 << 10
_SMALL: Final = 64 << 10
_BATCH: Final = 512 << 10
_BETWEEN: Final = b"\n\0\n"
_OPENED: Final = frozenset(
    {kinds.ZIP, kinds.TAR, kinds.AR, kinds.COMPRESSED, kinds.GIT_PACK, kinds.GIT_OBJECT}
)
_PLAIN: Final = frozenset({kinds.TEXT, kinds.BINARY})
_TEXTS: Final = frozenset({kinds.TEXT, kinds.SCRIPT, kinds.UTF16, kinds.BINARY})
"""What may hold settings: a zero byte at the end of a text makes it binary, and no less read."""
_PROGRAMS: Final = frozenset({kinds.ELF, kinds.SCRIPT})
_SHELL: Final = re.compile(rb"#![^\n]{0,80}[/ ](?:ba|da|z|k|a)?sh[ \r\n]")
"""Scripts that set variables as settings do, whatever they are called."""

_PRIVATE_KEY: Final = next(rule for rule in RULES if rule.id == "private-key")
_NO_MARKS: Final[frozenset[Mark]] = frozenset()
_SUFFIXES: Final = (".gz", ".xz", ".bz2", ".zst")


class Malware(Protocol):
    """What is told of a file: who knew it, its name for it, and what it is."""

    @property
    def engine(self) -> str:
        """``hash``, ``yara`` or ``clamav``."""

    @property
    def rule(self) -> str:
        """The engine's name for it."""

    @property
    def title(self) -> str:
        """What it is."""


class Passing(Protocol):
    """A file that goes by in pieces."""

    def feed(self, data: bytes) -> None:
        """Take the next piece."""

    def end(self) -> Sequence[Malware]:
        """Return what was found in all of it."""

    def close(self) -> None:
        """Give the file up before its end."""


class Scanner(Protocol):
    """Recognises malware; threads may share it."""

    def scan(self, data: bytes) -> Sequence[Malware]:
        """Judge a whole file."""

    def suspects(self, files: Sequence[bytes], joined: bytes) -> Sequence[int]:
        """Return which of these whole files have to be judged; ``joined`` has all their bytes."""

    def open(self) -> Passing:
        """Judge a file that is not held whole."""


class _Place(NamedTuple):
    path: str
    inside: str
    name: str
    """What the file is called, compression's suffix taken off."""

    def member(self, name: bytes) -> _Place:
        text = name.removeprefix(b"./").decode(errors="surrogateescape")
        inside = f"{self.inside}!/{text}" if self.inside else text
        return _Place(self.path, inside, text)


class _SpentError(Exception):
    """An archive expands to more than a layer may ask for."""


class Contents:
    """Gathers what the files of one layer hold; see LayerFacts for the attributes."""

    def __init__(
        self, candidates: Candidates, limits: Limits, scanner: Scanner | None = None
    ) -> None:
        self.candidates = candidates
        self.limits = limits
        self._scanner = scanner
        self.secrets: list[SecretHit] = []
        self.malware: list[MalwareHit] = []
        self.programs: dict[str, str] = {}
        self.packages: dict[str, list[Package]] = {}
        self.binaries: dict[str, Binary] = {}
        self.problems: list[Problem] = []
        self._overflow = self._crowded = self._filled = False
        self._packaged = 0
        # The program or library that goes by.
        self._linked: Linked | None = None
        self._complaints = 0
        # Bytes and members out of archives: in all, and the most that the file at hand may reach.
        self._bytes = self._most_bytes = 0
        self._members = self._most_members = 0
        # Small files wait to be searched together: most of what searching them costs is calls.
        self._batch: list[tuple[tuple[_Place, bytes], bytes]] = []
        self._batched = 0
        self._small = min(_SMALL, limits.inner_window, limits.window)
        # What was found inside the file at hand: its packed form may show the same.
        self._inside: set[tuple[str, bytes]] = set()

    def file(self, path: str, head: bytes, read: Read, size: int) -> None:
        """Look into a file of ``size`` bytes that begins with ``head``; ``read`` gives the rest.

        ``head`` is shorter than the window only if it is all.
        """
        limits = self.limits
        self._most_bytes = min(
            limits.inner, self._bytes + limits.inner_floor + limits.inner_ratio * size
        )
        self._most_members = min(limits.inner_entries, self._members + limits.archive_entries)
        if self._inside:
            self._inside = set()
        kind = kinds.kind(head)
        if kind == kinds.ELF:
            linked = Linked(path, head, size, limits.captured)
            self._linked = linked if linked.is_one else None
        marks = self._look(_Place(path, "", path), kind, head, read, 0)
        if self._linked is not None:
            self._keep(path, self._linked.end())
            self._linked = None
        if marks and kind in _PROGRAMS:
            name = identify(marks, script=kind == kinds.SCRIPT)
            if name:
                self.programs[path] = name

    def add(self, path: str, packages: list[Package]) -> None:
        """Keep packages that the file ``path`` speaks of."""
        if not packages:
            return
        room = self.limits.packages - self._packaged
        self._packaged += len(packages)
        self.packages.setdefault(path, []).extend(packages[: max(0, room)])
        if room < len(packages) and not self._filled:
            self._filled = True
            self.problems.append(Problem("unread", path, "too many packages"))

    def _keep(self, path: str, found: Found) -> None:
        if len(self.binaries) < self.limits.binaries:
            self.binaries[path] = found.binary
        elif not self._crowded:
            self._crowded = True
            self.problems.append(Problem("unread", path, "too many programs"))
        self.add(path, found.packages)
        for problem in found.problems:
            self._problem(problem.kind, _Place(path, "", path), problem.detail)

    def hit(self, place: _Place, match: Match, line: int, offset: int) -> None:
        """Keep a credential that was found."""
        self._inside.add((match.rule.id, match.secret))
        if len(self.secrets) == self.limits.secrets:
            if not self._overflow:
                self.problems.append(Problem("unread", place.path, "too many credentials"))
            self._overflow = True
            return
        rule = match.rule
        self.secrets.append(
            SecretHit(rule.id, rule.title, place.path, line, offset, redacted(match), place.inside)
        )

    def flush(self) -> None:
        """Search the small files that wait; at the end of a layer it must be called."""
        batch, self._batch, self._batched = self._batch, [], 0
        files = [data for _, data in batch]
        joined = _BETWEEN.join(files)
        if any(isinstance(found, Rule) for found in self.candidates(joined)):
            for place, data in batch:
                _Search(self, _named(place), config=False).end(data)
        if self._scanner is not None:
            for index in self._scanner.suspects(files, joined):
                self._infected(_named(batch[index][0]), self._scanner.scan(files[index]))

    def _wait(self, place: tuple[_Place, bytes], data: bytes) -> None:
        """Search a small file later; its place is that of an archive and the name in it."""
        self._batch.append((place, data))
        self._batched += len(data)
        if self._batched > _BATCH:
            self.flush()

    def _problem(self, kind: str, place: _Place, detail: str) -> None:
        self._complaints += 1
        if self._complaints <= self.limits.complaints:
            where = f"{place.inside}: " if place.inside else ""
            self.problems.append(Problem(kind, place.path, where + detail))
        elif self._complaints == self.limits.complaints + 1:
            self.problems.append(Problem("unread", place.path, "too many archives have problems"))

    def _look(
        self, place: _Place, kind: str, head: bytes, read: Read, depth: int
    ) -> Collection[Mark]:
        """Search one file, and return the marks of programs in it."""
        if kind == kinds.BINARY and is_private_key(head):
            self.hit(place, Match(_PRIVATE_KEY, 0, head), 1, 0)
        small = kind in _PLAIN and len(head) < self._small and not is_config(place.name)
        if small and not appended(head, whole=True):
            self._wait((place, b""), head)
            return _NO_MARKS
        if self._scanner is None:
            return self._search(place, kind, head, read, depth)
        if len(head) < (self.limits.inner_window if depth else self.limits.window):
            self._infected(place, self._scanner.scan(head))
            return self._search(place, kind, head, _nothing, depth)
        passing = self._scanner.open()
        try:
            passing.feed(head)
            watched = _tapped(read, passing.feed)
            marks = self._search(place, kind, head, watched, depth)
            while watched(PIECE):
                pass
            self._infected(place, passing.end())
        except BaseException:
            passing.close()
            raise
        return marks

    def _infected(self, place: _Place, hits: Iterable[Malware]) -> None:
        for hit in hits:
            found = MalwareHit(hit.engine, hit.rule, hit.title, place.path, place.inside)
            self.malware.append(found)

    def _search(
        self, place: _Place, kind: str, head: bytes, read: Read, depth: int
    ) -> Collection[Mark]:
        config = kind in _TEXTS and (is_config(place.name) or _SHELL.match(head) is not None)
        whole = len(head) < (self.limits.inner_window if depth else self.limits.window)
        if whole and kind not in _OPENED and appended(head, whole=True):
            if kind in {kinds.WINDOWS, kinds.UTF16}:
                self._wide(place, kind, head, config=config)
            return self._archive(place, kind, head, read, depth)
        if kind in _OPENED or (kind == kinds.SCRIPT and b"PK\x03\x04" in head):
            return self._archive(place, kind, head, read, depth)
        if kind == kinds.CLOSED:
            self._problem("closed", place, f"{kinds.closed(head)} is not opened")
        search = _Search(self, place, config=config, linked=None if depth else self._linked)
        end = _Tail(head)
        if not whole:
            read = _tapped(read, end.feed)
        if kind == kinds.UTF16:
            decode = codecs.getincrementaldecoder(kinds.encoding(head))("replace").decode
            mark = max((m for m in _MARKS if head.startswith(m)), key=len, default=b"")
            head = head[len(mark) :]
            search.all(
                decode(data).encode(errors="replace") for data in _Joined(head, read).pieces()
            )
        elif kind == kinds.WINDOWS:
            wide = _Search(self, place, config=False)
            wide.feed_wide(head)
            search.all(_Joined(head, _tapped(read, wide.feed_wide)).pieces())
            wide.end()
        else:
            search.all(_Joined(head, read).pieces())
        if not whole and appended(end.data, whole=False):
            self._problem("unread", place, "a zip begins inside it, and it is too large to open")
        return search.marks

    def _wide(self, place: _Place, kind: str, head: bytes, *, config: bool) -> None:
        """Search a whole file for text of wide characters only."""
        search = _Search(self, place, config=config)
        if kind == kinds.UTF16:
            text = head.decode(kinds.encoding(head), "replace").removeprefix("\ufeff")
            search.end(text.encode(errors="replace"))
        else:
            search.feed_wide(head)
            search.end()

    def _archive(
        self, place: _Place, kind: str, head: bytes, read: Read, depth: int
    ) -> Collection[Mark]:
        """Search an archive as it is, and what is in it."""
        found: list[tuple[Match, int]] = []
        config = kind in _TEXTS and is_config(place.name)
        linked = None if depth else self._linked
        raw = _Search(self, place, config=config, keep=found.append, linked=linked)
        raw.feed(head)
        tapped = _tapped(read, raw.feed)
        if depth == self.limits.depth:
            self._problem("unread", place, f"archives are nested over {depth} deep")
        else:
            try:
                self._open(place, kind, head, tapped, depth + 1)
            except _SpentError as error:
                if depth:
                    raise
                self._problem("unread", place, str(error))
        while tapped(PIECE):
            pass
        raw.end()
        if found:
            self.flush()
        for match, offset in found:
            if (match.rule.id, match.secret) not in self._inside:
                self.hit(place, match, 0, offset)
        return raw.marks

    def _open(self, place: _Place, kind: str, head: bytes, read: Read, depth: int) -> None:
        if kind == kinds.COMPRESSED:
            rest = _Joined(head, read)
            self._compressed(place, _decompressed(head, rest.read, self.limits), depth)
        elif kind == kinds.TAR:
            archive = Archive(_Joined(head, read).pieces(), self.limits)
            for member in archive:
                self._counted()
                if member.kind == FILE and member.size:
                    self._inner(place.member(member.name), archive.read, depth)
            for problem in archive.problems:
                self._problem("damaged", place, problem.detail)
        elif kind == kinds.GIT_OBJECT:
            self._compressed(place, git.loose(_Joined(head, read).read), depth)
        elif kind == kinds.GIT_PACK:
            self._pack(place, _Joined(head, read).read, depth)
        elif kind == kinds.AR:
            self._members_of_ar(place, _Joined(head, read).read, depth)
        else:
            self._zip(place, head, read, depth)

    def _zip(self, place: _Place, head: bytes, read: Read, depth: int) -> None:
        limits = self.limits
        jar = Jar(place.name)
        if jar.is_jar:
            jar.feed(head)
            read = _tapped(read, jar.feed)
        if len(head) >= (limits.inner_window if depth > 1 else limits.window):
            head = _Joined(head, read).read(limits.whole)
        parts = regular(head) if len(head) < limits.whole else None
        archive: Zip | Whole = (
            Zip(head, read, limits.inner_window, self._spend)
            if parts is None
            else Whole(head, parts, limits.inner_window, self._spend)
        )
        for name, start in archive:
            self._counted()
            if start.startswith(_CLASS):
                kind = kinds.BINARY
                if jar.is_grouped:
                    jar.folder(name)
            else:
                kind = kinds.kind(start)
                self._record(place, name, start, jar)
            if kind == kinds.BINARY and len(start) < self._small and start[:1] != b"\x30":
                self._wait((place, name), start)
            elif start:
                self._look(place.member(name), kind, start, archive.read, depth)
        for problem, detail in archive.problems:
            self._problem(problem, place, detail)
        while read(PIECE):
            pass
        self.add(place.path, list(jar.packages(place.path, place.inside)))

    def _record(self, place: _Place, name: bytes, data: bytes, jar: Jar) -> None:
        """Look whether a file in a zip, which begins with ``data``, records packages."""
        whole = len(data) < self.limits.inner_window
        member = place.member(name)
        path = f"{place.path}!/{member.inside}"
        found = reader(path, member.name[member.name.rfind("/") + 1 :])
        try:
            jar.member(name, data, whole=whole)
            if found is not None:
                rows = found.read(path, data) if whole else ()
                self.add(
                    place.path,
                    [r._replace(paths=(place.path,), inside=member.inside) for r in rows],
                )
        except ValueError as error:
            self._problem("record", member, str(error))
        if found is not None and not whole:
            self._problem("record", member, "the record is too large")

    def _members_of_ar(self, place: _Place, read: Read, depth: int) -> None:
        """Open a Debian package (deb(5)): an ar archive of a version and two tars."""
        read(8)
        while header := read(60):
            size = header[48:58].strip()
            if len(header) < 60 or header[58:] != b"`\n" or not size.isdigit():  # noqa: PLR2004
                self._problem("damaged", place, "ar: a header is broken")
                return
            self._counted()
            content = _Cut(read, int(size))
            self._inner(place.member(header[:16].strip().rstrip(b"/")), content.read, depth)
            content.skip()
            read(int(size) % 2)

    def _pack(self, place: _Place, read: Read, depth: int) -> None:
        try:
            for name, pieces in git.objects(read):
                self._counted()
                self._compressed(place.member(name.encode()), pieces, depth)
        except CompressionError as error:
            self._problem("damaged", place, str(error))

    def _compressed(self, place: _Place, pieces: Iterator[bytes], depth: int) -> None:
        def spent() -> Iterator[bytes]:
            try:
                for piece in pieces:
                    self._spend(len(piece))
                    yield piece
            except CompressionError as error:
                self._problem("damaged", place, str(error))

        name = place.name
        if name.lower().endswith(_SUFFIXES):
            name = name[: name.rindex(".")]
        self._inner(place._replace(name=name), _Joined(b"", _reader(spent())).read, depth)

    def _inner(self, place: _Place, read: Read, depth: int) -> None:
        head = read(self.limits.inner_window)
        if head:
            self._look(place, kinds.kind(head), head, read, depth)

    def _counted(self) -> None:
        self._members += 1
        if self._members > self._most_members:
            raise _SpentError("its archives have too many members")

    def _spend(self, count: int) -> None:
        self._bytes += count
        if self._bytes > self._most_bytes:
            raise _SpentError("its archives expand to too much")


class _Search:
    """Searches one file piece by piece; each window begins with the end of the one before."""

    def __init__(
        self,
        contents: Contents,
        place: _Place,
        *,
        config: bool,
        keep: Callable[[tuple[Match, int]], None] | None = None,
        linked: Linked | None = None,
    ) -> None:
        self._contents = contents
        self._place = place
        self._config = config
        self._keep = keep
        self._linked = linked
        self._tail = b""
        self._offset = 0
        self._lines = 0
        self.marks: set[Mark] = set()

    def feed(self, data: bytes) -> None:
        """Search ``data``, which is not the last."""
        if self._tail:
            data = self._tail + data
        step = max(0, len(data) - LONGEST - _EDGE)
        if step:
            # A match that starts near the end may be cut off: the next window has it whole.
            self._window(data, len(data) - LONGEST)
            if self._keep is None:
                self._lines += data.count(b"\n", 0, step)
            self._offset += step
        self._tail = data[step:]

    def feed_wide(self, data: bytes) -> None:
        """Search what ``data`` has as UTF-16, at whatever place: every second byte of it."""
        self.feed(data[::2] + b"\n" + data[1::2] + b"\n")

    def all(self, pieces: Iterator[bytes]) -> None:
        """Search a whole file that comes in ``pieces``."""
        data = next(pieces, b"")
        for more in pieces:
            self.feed(data)
            data = more
        self.end(data)

    def end(self, data: bytes = b"") -> None:
        """Search the last of it."""
        data = self._tail + data if self._tail else data
        if data:
            self._window(data, len(data))

    def _window(self, data: bytes, stop: int) -> None:
        found = self._contents.candidates(data)
        if self._linked is not None:
            self._linked.window(self._offset, data, found)
        if found:
            self.marks.update(mark for mark in found if isinstance(mark, Mark))
        elif not self._config:
            return
        first = _EDGE if self._offset else 0
        for match in find(data, found, config=self._config):
            if first <= match.start < stop:
                offset = self._offset + match.start
                if self._keep is not None:
                    self._keep((match, offset))
                    continue
                line = self._lines + data.count(b"\n", 0, match.start) + 1
                self._contents.hit(self._place, match, line, offset)


class _Joined:
    """A stream whose first bytes were already looked at, or that comes in pieces of its own."""

    def __init__(self, head: bytes, read: Read) -> None:
        self._head = head
        self._more = read

    def read(self, count: int) -> bytes:
        """Return ``count`` bytes; fewer only at the end."""
        parts = [self._head[:count]]
        self._head = self._head[count:]
        count -= len(parts[0])
        # In pieces: whatever watches on the way may copy what it is shown.
        while count and (piece := self._more(min(count, PIECE))):
            parts.append(piece[:count])
            self._head = piece[count:]
            count -= len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def pieces(self) -> Iterator[bytes]:
        """Yield all of it."""
        if self._head:
            yield self._head
            self._head = b""
        while piece := self._more(PIECE):
            yield piece


class _Tail:
    """The last bytes of a stream."""

    def __init__(self, data: bytes) -> None:
        self.data = data[-_KEPT:]

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        self.data = data[-_KEPT:] if len(data) >= _KEPT else (self.data + data)[-_KEPT:]


class _Cut:
    """The next ``left`` bytes of a stream."""

    def __init__(self, read: Read, left: int) -> None:
        self._read = read
        self._left = left

    def read(self, count: int) -> bytes:
        """Return ``count`` bytes; fewer only at the end."""
        data = self._read(min(count, self._left))
        self._left -= len(data)
        return data

    def skip(self) -> None:
        """Pass what was not read."""
        while self._left and self.read(PIECE):
            pass


def _decompressed(head: bytes, read: Read, limits: Limits) -> Iterator[bytes]:
    if head.startswith(GZIP):
        return gunzip(read, limits.members)
    if head.startswith(ZSTD):
        return unzstd(read, limits.zstd_window)
    if head.startswith(XZ):
        return unxz(read, limits.members, limits.zstd_window)
    return bunzip2(read, limits.members)


def _reader(pieces: Iterator[bytes]) -> Read:
    """Read pieces of whatever size they have."""
    return lambda _: next(pieces, b"")


def _tapped(read: Read, sink: Callable[[bytes], None]) -> Read:
    """Let ``sink`` see what is read."""

    def tapped(count: int) -> bytes:
        data = read(count)
        if data:
            sink(data)
        return data

    return tapped


def _named(place: tuple[_Place, bytes]) -> _Place:
    """Return the place of a file that waited."""
    return place[0].member(place[1]) if place[1] else place[0]


def _nothing(_: int) -> bytes:
    return b""
