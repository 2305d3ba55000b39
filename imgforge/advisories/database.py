"""The advisory database as it is read: what concerns components, and how old that knowledge is."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypeVar

from imgforge.advisories import ecosystems, schema, severity, versions
from imgforge.advisories.advisory import Advisory, Match, Severity, Unmatched
from imgforge.advisories.osv import Bound, bounded
from imgforge.errors import InvalidInputError

if TYPE_CHECKING:
    from imgforge.inventory import Component, System

T = TypeVar("T")

FILE: Final = "advisories.sqlite"
_CHUNK: Final = 500
"""Values asked for at once; SQLite takes some thousands."""

_AFFECTED: Final = (
    "SELECT advisory, ranges, versions, unread, severities FROM affected "
    "WHERE ecosystem = ? AND package = ?"
)
_MANY: Final = 3
"""Names of advisories shown in one line."""


class Source(NamedTuple):
    """What was imported under one name.

    ``kind`` is ``osv``, ``kev`` or ``epss``, ``digest`` of all that was read, ``signed`` who
    signed it or how it was pinned (empty: neither), ``imported`` and ``newest`` times (RFC 3339;
    ``newest`` of the last changed record), ``malformed`` the count of those passed over.
    """

    name: str
    kind: str
    digest: str
    signed: str
    imported: str
    newest: str
    records: int
    malformed: int


@dataclass(frozen=True, slots=True)
class Status:
    """What a database has.

    ``digest`` is over its content, ``size`` in bytes; ``ecosystems`` are advisories and the newest
    change of each, ``imported`` the day of each source's last import; ``kev`` and ``epss`` are the
    days those lists are of, empty if there is none.
    """

    path: Path
    size: int
    digest: str
    ecosystems: Mapping[str, tuple[int, str]]
    sources: tuple[Source, ...]
    kev: str
    epss: str

    @property
    def imported(self) -> dict[str, str]:
        """Source → the day of its last import (``2026-01-31``)."""
        return {source.name: source.imported[:10] for source in self.sources}

    @property
    def malformed(self) -> int:
        """How many advisories were passed over because they could not be read."""
        return sum(source.malformed for source in self.sources)


class _Hit(NamedTuple):
    fixed: str
    severities: tuple[Severity, ...]
    ecosystem: str


def place(path: Path | None = None) -> Path:
    """Return where the database is: ``path``, ``IMGFORGE_DB``, the settings', the cache's."""
    if path is not None:
        return path
    from imgforge import cache, settings

    named = settings.load().advisories.database
    return Path(named) if named else cache.directory("advisories") / FILE


def open_database(path: Path | None = None) -> Database:
    """Open the database (:func:`place`); InvalidInputError if there is none, or it is no good."""
    found = place(path)
    if not found.is_file():
        raise InvalidInputError(
            f"there is no advisory database at {found}",
            hint="make one from OSV's dumps: imgforge db import FILE|FOLDER|URL",
        )
    return Database(found, schema.readable(found))


class Database:
    """An open database; close it, or use ``with``.

    It is one content for as long as it is open, whatever is imported meanwhile. InvalidInputError
    if the file turns out to be damaged. One thread at a time.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._ecosystems: dict[str, int] = dict(
            self._ask(lambda db: db.execute("SELECT name, id FROM ecosystem").fetchall())
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @property
    def identity(self) -> str:
        """``sha256:<hex>`` over all that was imported: it changes whenever the content does."""
        rows = self._ask(lambda db: db.execute("SELECT identity FROM content").fetchall())
        if len(rows) != 1:
            raise InvalidInputError(f"{self.path} was never finished", hint=schema.REBUILD)
        return str(rows[0][0])

    def match(
        self, components: Sequence[Component], system: System | None
    ) -> tuple[list[Match], list[Unmatched]]:
        """Return what hits ``components`` of an image of ``system``, and what nobody can say.

        Matches are in the order of the components, and of their advisories' ids. An advisory of
        which a component's version cannot be compared is an Unmatched, whatever else matches.
        """
        rows: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
        hits: list[tuple[Component, dict[int, _Hit]]] = []
        unmatched: list[Unmatched] = []
        for component in components:
            try:
                listed = ecosystems.listed(component, system, self._ecosystems)
            except ValueError as error:
                unmatched.append(Unmatched(component, str(error)))
                continue
            found: dict[int, _Hit] = {}
            unread: dict[str, list[int]] = {}
            for each in listed:
                asked = each.ecosystem, each.package
                if asked not in rows:
                    rows[asked] = self._rows(*asked)
                if rows[asked]:
                    _judge(each, rows[asked], found, unread)
            if found:
                hits.append((component, found))
            if unread:
                unmatched += self._unread(component, unread)
        return self._matches(hits), unmatched

    def exploited(self, cves: Collection[str]) -> set[str]:
        """Return those of ``cves`` that are known to be exploited (CISA's KEV)."""
        rows = self._in("SELECT cve FROM exploited WHERE cve IN (%s)", sorted(cves))
        return {cve for (cve,) in rows}

    def probabilities(self, cves: Collection[str]) -> dict[str, float]:
        """Return how probable it is (0 to 1) that each of ``cves`` is exploited soon (EPSS).

        Those that nobody rated are left out.
        """
        asked = "SELECT cve, max(value) FROM probability WHERE cve IN (%s) GROUP BY cve"
        return dict(self._in(asked, sorted(cves)))

    def sources(self) -> tuple[Source, ...]:
        """Return what was imported, by name; at once, unlike all of :meth:`status`."""
        rows = self._ask(
            lambda db: db.execute(
                "SELECT name, kind, digest, signed, imported, newest, records, malformed "
                "FROM source ORDER BY name"
            ).fetchall()
        )
        return tuple(Source(*row) for row in rows)

    def status(self) -> Status:
        """Return what there is."""
        counted = self._ask(
            lambda db: db.execute(
                "SELECT e.name, count(DISTINCT a.name), max(a.modified) "
                "FROM affected JOIN ecosystem e ON e.id = affected.ecosystem "
                "JOIN advisory a ON a.id = affected.advisory AND a.current = 1 "
                "GROUP BY e.name ORDER BY e.name"
            ).fetchall()
        )
        listed = self.sources()
        days = {
            kind: max((s.newest[:10] for s in listed if s.kind == kind), default="")
            for kind in ("kev", "epss")
        }
        return Status(
            path=self.path,
            size=self.path.stat().st_size,
            digest=self.identity,
            ecosystems={name: (count, newest) for name, count, newest in counted},
            sources=listed,
            kev=days["kev"],
            epss=days["epss"],
        )

    def _rows(self, ecosystem: str, package: str) -> list[tuple[Any, ...]]:
        known = self._ecosystems.get(ecosystem)
        if known is None:
            return []
        return self._ask(lambda db: db.execute(_AFFECTED, (known, package)).fetchall())

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return question(self._connection)
        except sqlite3.Error as error:
            raise schema.broken(self.path, error) from error

    def _in(self, question: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(values), _CHUNK):
            chunk = values[start : start + _CHUNK]
            asked = question % ",".join("?" * len(chunk))
            yield from self._ask(lambda db: db.execute(asked, chunk).fetchall())  # noqa: B023 - called at once

    def _unread(self, component: Component, unread: Mapping[str, Sequence[int]]) -> list[Unmatched]:
        found = []
        for reason, numbers in unread.items():
            asked = "SELECT name FROM advisory WHERE current = 1 AND id IN (%s)"
            names = sorted({name for (name,) in self._in(asked, sorted(numbers))})
            if names:
                more = f" and {len(names) - _MANY} more" if len(names) > _MANY else ""
                about = ", ".join(names[:_MANY]) + more
                found.append(Unmatched(component, f"{reason}: it may be hit by {about}"))
        return found

    def _matches(self, hits: Sequence[tuple[Component, Mapping[int, _Hit]]]) -> list[Match]:
        numbers = sorted({number for _, found in hits for number in found})
        asked = (
            "SELECT id, name, modified, published, aliases, summary, severities, url "
            "FROM advisory WHERE current = 1 AND id IN (%s)"
        )
        rows = {row[0]: row[1:] for row in self._in(asked, numbers)}
        made: dict[tuple[int, str], Advisory] = {}
        matches = []
        for component, found in hits:
            own: dict[str, Match] = {}
            for number, hit in found.items():
                if number not in rows:  # withdrawn, or another source has a newer one
                    continue
                advisory = made.get((number, hit.ecosystem))
                if advisory is None:
                    advisory = _advisory(rows[number], hit.ecosystem, self.path)
                    made[number, hit.ecosystem] = advisory
                severities = hit.severities
                if not severity.says(severities):
                    severities = (*severities, *advisory.severities)
                own.setdefault(advisory.id, Match(component, advisory, hit.fixed, severities))
            matches += [own[name] for name in sorted(own)]
        return matches


def _judge(
    listed: ecosystems.Listed,
    rows: Sequence[tuple[Any, ...]],
    found: dict[int, _Hit],
    unread: dict[str, list[int]],
) -> None:
    """Say of each row whether it hits ``listed``: into ``found``, or why that is not known."""
    rule = ecosystems.rule(listed.ecosystem) or "semver"
    key, slip = None, ""
    try:
        key = versions.key(rule, listed.version)
    except ValueError:
        slip = f"its version {listed.version!a} is no version by the rules of {rule}"
    for number, ranges, enumerated, cannot, severities in rows:
        named = bool(enumerated) and listed.version in enumerated.split("\n")
        if key is None:
            if named:
                found[number] = _Hit("", _severities(severities), listed.ecosystem)
            elif ranges:
                unread.setdefault(slip, []).append(number)
            continue
        bounds = _bounds(rule, ranges) if ranges else []
        inside = [bound for bound in bounds if bound.has(key)]
        if not inside and not named and enumerated:
            named = _equal(rule, key, enumerated)
        if inside or named:
            fixed = _fixed(inside or [b for b in bounds if b.how == "<" and key < b.upper])
            if number not in found or not found[number].fixed:
                found[number] = _Hit(fixed, _severities(severities), listed.ecosystem)
        elif cannot:
            unread.setdefault(cannot, []).append(number)


def _bounds(rule: str, ranges: str) -> list[Bound]:
    intervals = []
    for line in ranges.split("\n"):
        lower, how, upper = line.split("\t")
        intervals.append((lower, how, upper))
    return bounded(rule, intervals)


def _equal(rule: str, key: versions.Key, enumerated: str) -> bool:
    for version in enumerated.split("\n"):
        try:
            if versions.key(rule, version) == key:
                return True
        except ValueError:  # as a text it was compared before
            continue
    return False


def _fixed(bounds: Sequence[Bound]) -> str:
    ends = [(bound.upper, bound.text) for bound in bounds if bound.how == "<"]
    return min(ends, key=itemgetter(0))[1] if ends else ""


def _severities(text: str) -> tuple[Severity, ...]:
    return tuple(Severity(*each) for each in json.loads(text)) if text else ()


def _advisory(row: tuple[Any, ...], ecosystem: str, path: Path) -> Advisory:
    name, modified, published, aliases, summary, severities, url = row
    try:
        return Advisory(
            id=name,
            ecosystem=ecosystem,
            aliases=tuple(aliases.split()),
            summary=summary,
            severities=_severities(severities),
            published=published,
            modified=modified,
            url=url,
            malicious=name.startswith("MAL-"),
        )
    except (ValueError, TypeError) as error:
        raise InvalidInputError(
            f"{path} is damaged: {name!a}: {error}", hint=schema.REBUILD
        ) from error
