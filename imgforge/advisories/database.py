"""The advisory database as it is read: what concerns components, and how old that knowledge is."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from imgforge.advisories import ecosystems, schema, severity
from imgforge.advisories.advisory import Advisory, Match, Severity, Unmatched
from imgforge.advisories.ecosystems import MAVEN, Listed, is_groupless
from imgforge.advisories.hits import UNKNOWN, Hit, Row, judge, row, severities_of
from imgforge.advisories.status import Source, Status
from imgforge.advisories.whereabouts import FILL, place
from imgforge.errors import InvalidInputError

if TYPE_CHECKING:
    from imgforge.inventory import Component, System

__all__ = ["Database", "open_database", "place"]

T = TypeVar("T")

_CHUNK: Final = 500
"""Values asked for at once; SQLite takes some thousands."""

_AFFECTED: Final = (
    "SELECT advisory, ranges, versions, unread, severities FROM affected "
    "WHERE ecosystem = ? AND package = ?"
)
_TOLD: Final = (
    "SELECT name, aliases FROM advisory WHERE current = 1 AND id IN "
    "(SELECT advisory FROM affected WHERE ecosystem = ? AND package = ?)"
)
_KEPT: Final = 50_000
"""Rows that are kept for who asks for the same package again; the kernel alone has thousands."""
_MANY: Final = 3
"""Names of advisories shown in one line."""


def open_database(path: Path | None = None) -> Database:
    """Open the database (:func:`place`); InvalidInputError if there is none, or it is no good."""
    found = place(path)
    if not found.is_file():
        raise InvalidInputError(
            f"there is no advisory database at {found}",
            hint=FILL,
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
        self._rated: dict[str, tuple[Severity, ...]] = {}
        self._groups: dict[str, list[str]] | None = None
        self._read: dict[tuple[str, str], Sequence[Row]] = {}
        self._count = 0
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
        hits: list[tuple[Component, dict[int, Hit]]] = []
        unmatched: list[Unmatched] = []
        for component in components:
            try:
                known = ecosystems.listed(component, system, self._ecosystems)
                listed = self._kept(known)
            except ValueError as error:
                unmatched.append(Unmatched(component, f"{error}{self._guess(component)}"))
                continue
            found: dict[int, Hit] = {}
            unread: dict[str, list[int]] = {}
            for each in listed:
                try:
                    judge(each, self._rows(each.ecosystem, each.package), found, unread)
                except (ValueError, TypeError) as error:
                    raise self._damaged(each.package, error) from error
            if found:
                hits.append((component, found))
            if unread:
                unmatched += self._unread(component, unread)
        return self._matches(hits), unmatched

    def told(self, component: Component, system: System | None) -> set[str]:
        """Return all names of the vulnerabilities that are judged in a component's package at all.

        They hit it or not; empty if the database has nothing of its ecosystem.
        """
        try:
            known = self._kept(ecosystems.listed(component, system, self._ecosystems))
        except ValueError:
            return set()
        found: set[str] = set()
        for each in known:
            asked = self._ecosystems[each.ecosystem], each.package
            for name, aliases in self._ask(lambda db: db.execute(_TOLD, asked).fetchall()):  # noqa: B023 - called at once
                found.update((name, *aliases.split()))
        return found

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
        found = tuple(Source(*row) for row in rows)
        for source in found:
            try:
                dt.date.fromisoformat(source.imported[:10])
            except ValueError as error:
                raise self._damaged(source.name, error) from error
        return found

    def status(self) -> Status:
        """Return what there is."""
        counted = self._ask(
            lambda db: db.execute(
                "SELECT name, advisories, newest FROM ecosystem ORDER BY name"
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

    def tags(self) -> dict[str, tuple[str, str]]:
        """Return what servers said about the version of each source, and how it was proven."""
        rows = self._ask(lambda db: db.execute("SELECT name, tag, signed FROM source").fetchall())
        return {name: (tag, signed) for name, tag, signed in rows}

    def copy(self, to: Path) -> None:
        """Write all of it, without gaps, to a new file; sqlite3.Error if that cannot be done."""
        self._connection.execute("VACUUM INTO ?", (str(to),))

    def _kept(self, listed: Sequence[Listed]) -> list[Listed]:
        """Leave out ecosystems that the database does not have; ValueError if it has none."""
        kept = [each for each in listed if each.ecosystem in self._ecosystems]
        if not kept:
            wanted = listed[0].ecosystem if listed else "its distribution's release"
            raise ValueError(f"the database has no advisories of {wanted}")
        return kept

    def _guess(self, component: Component) -> str:
        """Say what would hit a Java archive of no known group, were it of one that advisories know.

        Its name is no proof: it is no match, and is told as what nobody can say.
        """
        package = component.package
        if MAVEN not in self._ecosystems or not package.version or not is_groupless(package):
            return ""
        if self._groups is None:
            self._groups = {}
            asked = "SELECT DISTINCT package FROM affected WHERE ecosystem = ?"
            number = self._ecosystems[MAVEN]
            for (name,) in self._ask(lambda db: db.execute(asked, (number,)).fetchall()):
                self._groups.setdefault(name.rpartition(":")[2], []).append(name)
        said = ""
        for name in sorted(self._groups.get(package.name, ())):
            found: dict[int, Hit] = {}
            unread: dict[str, list[int]] = {}
            try:
                judge(Listed(MAVEN, name, package.version), self._rows(MAVEN, name), found, unread)
            except (ValueError, TypeError) as error:
                raise self._damaged(name, error) from error
            numbers = {*found, *(number for each in unread.values() for number in each)}
            if about := self._named(numbers):
                said += f"; as {name} it may be hit by {about}"
        return said

    def _rows(self, ecosystem: str, package: str) -> Sequence[Row]:
        """Return what is known of a package; ValueError or TypeError if that is damaged."""
        known = self._read.get((ecosystem, package))
        if known is None:
            asked = self._ecosystems[ecosystem], package
            rows = self._ask(lambda db: db.execute(_AFFECTED, asked).fetchall())
            rule = ecosystems.rule(ecosystem) or UNKNOWN
            known = [row(rule, each) for each in rows]
            self._count += len(known) + 1
            if self._count > _KEPT:
                self._read.clear()
                self._count = len(known) + 1
            self._read[ecosystem, package] = known
        return known

    def _damaged(self, what: str, error: Exception) -> InvalidInputError:
        return InvalidInputError(
            f"the advisory database {self.path} is damaged: {what!a:.200}: {error}",
            hint=schema.REBUILD,
        )

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
            if about := self._named(numbers):
                found.append(Unmatched(component, f"{reason}: it may be hit by {about}"))
        return found

    def _named(self, numbers: Collection[int]) -> str:
        """Name some advisories that count, and how many more there are; empty if none does."""
        asked = "SELECT name FROM advisory WHERE current = 1 AND id IN (%s)"
        names = sorted({name for (name,) in self._in(asked, sorted(numbers))})
        more = f" and {len(names) - _MANY} more" if len(names) > _MANY else ""
        return ", ".join(names[:_MANY]) + more

    def _matches(self, hits: Sequence[tuple[Component, Mapping[int, Hit]]]) -> list[Match]:
        made = self._advisories(
            {(n, hit.ecosystem) for _, found in hits for n, hit in found.items()}
        )
        self._rate(made.values())
        matches = []
        for component, found in hits:
            own: dict[str, Match] = {}
            for number, hit in found.items():
                advisory = made.get((number, hit.ecosystem))
                if advisory is None:  # withdrawn, or another source has a newer one
                    continue
                severities = hit.severities
                if not (severities and severity.says(severities)):
                    elsewhere = self._rated.get(advisory.id, ())
                    severities = (*severities, *advisory.severities, *elsewhere)
                own.setdefault(advisory.id, Match(component, advisory, hit.fixed, severities))
            matches += [own[name] for name in sorted(own)]
        return matches

    def _advisories(self, wanted: Collection[tuple[int, str]]) -> dict[tuple[int, str], Advisory]:
        """Return those of ``wanted`` (number, and for which ecosystem) that count."""
        asked = (
            "SELECT id, name, modified, published, aliases, summary, severities, url "
            "FROM advisory WHERE current = 1 AND id IN (%s)"
        )
        rows = {
            row[0]: row[1:] for row in self._in(asked, sorted({number for number, _ in wanted}))
        }
        made = {}
        for number, ecosystem in wanted:
            if number in rows:
                try:
                    made[number, ecosystem] = _advisory(rows[number], ecosystem)
                except (ValueError, TypeError) as error:
                    raise self._damaged(str(rows[number][0]), error) from error
        return made

    def _rate(self, advisories: Iterable[Advisory]) -> None:
        """Learn how others rate what advisories speak of that do not rate it themselves."""
        silent = {
            each.id: {*each.aliases, each.id}
            for each in advisories
            if each.id not in self._rated and not severity.says(each.severities)
        }
        told: dict[str, set[Severity]] = defaultdict(set)
        asked = "SELECT name, severities FROM advisory WHERE withdrawn = 0 AND name IN (%s)"
        for name, text in self._in(asked, sorted(set().union(*silent.values()))):
            try:
                told[name].update(severities_of(text))
            except (ValueError, TypeError) as error:
                raise self._damaged(name, error) from error
        for name, names in silent.items():
            self._rated[name] = tuple(
                sorted(set().union(*(told[each] for each in names if each in told)))
            )


def _advisory(row: tuple[Any, ...], ecosystem: str) -> Advisory:
    name, modified, published, aliases, summary, severities, url = row
    return Advisory(
        id=name,
        ecosystem=ecosystem,
        aliases=tuple(aliases.split()),
        summary=summary,
        severities=severities_of(severities),
        published=published,
        modified=modified,
        url=url,
        malicious=name.startswith("MAL-"),
    )
