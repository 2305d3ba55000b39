"""What a database knows of an inventory: advisories that speak of one fault become one.

A fault has many names (a CVE, GitHub's, Python's). Advisories of one component are one
vulnerability if one names the other, and it is called by its CVE if it has one. An advisory that
bundles several CVEs (a distribution's announcement) joins nothing: it is dropped where each of its
CVEs is known by itself, and stands alone elsewhere.

The level is what the distribution says of its own package, else by CVSS, the newest version of it
first; see :func:`imgforge.advisories.severity.rated`.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, Protocol

from imgforge.severity import LEVELS
from imgforge.vulnerabilities.left import Left, settled
from imgforge.vulnerabilities.vulnerability import Vulnerability

if TYPE_CHECKING:
    from imgforge.advisories.advisory import Match, Severity, Unmatched
    from imgforge.advisories.severity import Rating
    from imgforge.inventory import Component, Inventory, System

SOURCE = "imgforge"
"""What the vulnerabilities of the own database are said to be from."""


class Matcher(Protocol):
    """What is asked: :class:`imgforge.advisories.database.Database`."""

    def match(
        self, components: Sequence[Component], system: System | None
    ) -> tuple[list[Match], list[Unmatched]]:
        """Return what hits components, and of which nothing can be said."""

    def told(self, component: Component, system: System | None) -> set[str]:
        """Return all names of vulnerabilities that are judged in a component's package at all."""

    def exploited(self, cves: Collection[str]) -> set[str]:
        """Return those that are exploited in the wild."""

    def probabilities(self, cves: Collection[str]) -> dict[str, float]:
        """Return how probably each is exploited, as far as that is known."""


class Found(NamedTuple):
    """What is known of an inventory, worst first, and the components of which nothing is."""

    vulnerabilities: tuple[Vulnerability, ...]
    unmatched: tuple[Unmatched, ...]
    left: tuple[Left, ...] = ()
    """What is left to the word of a distribution (:mod:`imgforge.vulnerabilities.left`)."""


def found(inventory: Inventory, database: Matcher) -> Found:
    """Ask ``database`` about every component of ``inventory``; what built it is not in it."""
    matches, unmatched = database.match(inventory.components, inventory.system)
    kept, left = settled(vulnerabilities(matches, database), unmatched, inventory, database.told)
    return Found(ordered(kept), tuple(unmatched), left)


def vulnerabilities(matches: Sequence[Match], database: Matcher) -> list[Vulnerability]:
    """Return the vulnerabilities that ``matches`` are, each once for a component."""
    by_component: dict[str, list[Match]] = defaultdict(list)
    for _, mine in groupby(matches, key=lambda match: id(match.component)):
        together = list(mine)
        by_component[together[0].component.ref] += together
    groups = [group for mine in by_component.values() for group in _groups(mine)]
    cves = {cve for group in groups for match in group for cve in match.advisory.cves}
    exploited, probable = database.exploited(cves), database.probabilities(cves)
    return [_merged(group, exploited, probable) for group in groups]


def ordered(found: Iterable[Vulnerability]) -> tuple[Vulnerability, ...]:
    """Return vulnerabilities worst first, then by package and name."""
    found = tuple(found)
    components = {id(v.component): v.component for v in found}
    called = {number: component.ref for number, component in components.items()}
    return tuple(
        sorted(
            found,
            key=lambda v: (
                not v.malicious,
                not v.exploited,
                -LEVELS.index(v.level),
                -v.score,
                v.component.package.purl,
                called[id(v.component)],
                v.id,
            ),
        )
    )


def _groups(matches: Sequence[Match]) -> Iterator[list[Match]]:
    """Split the matches of one component into faults."""
    plain = [match for match in matches if len(match.advisory.cves) <= 1]
    bundles = [match for match in matches if len(match.advisory.cves) > 1]
    head: dict[str, str] = {}

    def of(name: str) -> str:
        while head.setdefault(name, name) != name:
            head[name] = head[head[name]]
            name = head[name]
        return name

    for match in plain:
        for alias in match.advisory.aliases:
            head[of(alias)] = of(match.advisory.id)
    groups: dict[str, list[Match]] = defaultdict(list)
    for match in plain:
        groups[of(match.advisory.id)].append(match)
    known = {cve for match in plain for cve in match.advisory.cves}
    yield from groups.values()
    yield from ([match] for match in bundles if not known.issuperset(match.advisory.cves))


def _merged(
    group: Sequence[Match], exploited: set[str], probable: dict[str, float]
) -> Vulnerability:
    first, *_ = ranked = sorted(group, key=_rank)
    names = {n for m in group for n in (m.advisory.id, *m.advisory.aliases)}
    cves = sorted({cve for m in group for cve in m.advisory.cves})
    called = cves[0] if len(cves) == 1 else first.advisory.id
    rating = _rating(tuple(severity for m in ranked for severity in m.severities))
    chances = [probable[cve] for cve in cves if cve in probable]
    return Vulnerability(
        id=called,
        aliases=tuple(sorted(names - {called})),
        component=first.component,
        summary=next((m.advisory.summary for m in ranked if m.advisory.summary), ""),
        level=rating.level,
        rated=rating.by,
        score=rating.score,
        vector=rating.vector,
        fixed=next((m.fixed for m in ranked if m.fixed), ""),
        published=min((d for m in group if (d := _day(m.advisory.published))), default=""),
        url=next((m.advisory.url for m in ranked if m.advisory.url), ""),
        source=SOURCE,
        exploited=not exploited.isdisjoint(cves),
        probability=max(chances, default=None),
        malicious=any(m.advisory.malicious for m in group),
    )


@lru_cache(maxsize=65_536)
def _rating(severities: tuple[Severity, ...]) -> Rating:
    """Rate once what advisories of many packages say alike."""
    from imgforge.advisories.severity import rated

    return rated(severities)


def _rank(match: Match) -> tuple[bool, str]:
    """Order advisories: those of a distribution (with its release), then by name."""
    return (":" not in match.advisory.ecosystem, match.advisory.id)


def _day(time: str) -> str:
    try:
        return dt.date.fromisoformat(time[:10]).isoformat()
    except ValueError:
        return ""
