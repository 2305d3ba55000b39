"""What another scanner found, as its report has it: plain data, and how it joins what is known."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from imgforge.analysis.facts import Package
from imgforge.inventory import Component
from imgforge.sbom import purls
from imgforge.vulnerabilities.found import SOURCE
from imgforge.vulnerabilities.vulnerability import Vulnerability

if TYPE_CHECKING:
    from imgforge.inventory import Inventory
    from imgforge.severity import Level


class Foreign(NamedTuple):
    """One vulnerability of a report. ``path`` is relative to the image's root, or empty."""

    id: str
    aliases: tuple[str, ...]
    purl: str
    name: str
    version: str
    path: str
    layer: str
    summary: str
    level: Level
    rated: str
    score: float
    vector: str
    fixed: str
    published: str
    url: str
    source: str
    exploited: bool = False
    probability: float | None = None


class Report(NamedTuple):
    """A report: which scanner's, what it calls its subject, the digests it names, what it found."""

    source: str
    subject: str
    digests: tuple[str, ...]
    found: tuple[Foreign, ...]


def joined(
    own: Sequence[Vulnerability], reports: Iterable[Report], inventory: Inventory
) -> list[Vulnerability]:
    """Add what ``reports`` found to ``own``: the same fault of the same package is one.

    What both have keeps our rating, and gets what only the other knows. A package that the
    inventory has not is taken from the report.
    """
    found = list(own)
    places: dict[str, list[int]] = defaultdict(list)
    for index, one in enumerate(found):
        for name in one.names:
            places[name].append(index)
    components = _index(inventory)
    for report in reports:
        for each in report.found:
            for component in _components(each, components):
                known = _same(each, component, found, places)
                if known is None:
                    found.append(_vulnerability(each, component))
                    for name in (each.id, *each.aliases):
                        places[name].append(len(found) - 1)
                else:
                    found[known] = _both(found[known], each)
    return found


Index = tuple[dict[tuple[str, str], list[Component]], dict[tuple[str, str], list[Component]]]


def _index(inventory: Inventory) -> Index:
    """Return the components by type and name of their purls, and by name and version."""
    by_purl: dict[tuple[str, str], list[Component]] = defaultdict(list)
    by_name: dict[tuple[str, str], list[Component]] = defaultdict(list)
    for component in inventory.components:
        package = component.package
        by_name[package.name, package.version].append(component)
        try:
            purl = purls.parse(package.purl)
        except ValueError:
            continue
        by_purl[purl.kind, purl.name].append(component)
    return by_purl, by_name


def _components(each: Foreign, components: Index) -> list[Component]:
    by_purl, by_name = components
    found: list[Component] = []
    try:
        said = purls.parse(each.purl)
        found = [
            c
            for c in by_purl.get((said.kind, said.name), ())
            if _alike(said, purls.parse(c.package.purl))
        ]
    except ValueError:
        found = list(by_name.get((each.name, each.version), ()))
    here = [component for component in found if each.path and each.path in component.package.paths]
    return here or found or [_component(each)]


def _alike(one: purls.Purl, other: purls.Purl) -> bool:
    # Qualifiers (distro, arch) are spelt differently by every scanner.
    return one[:4] == other[:4]


def _component(each: Foreign) -> Component:
    try:
        purl = purls.parse(each.purl)
    except ValueError:
        purl = purls.Purl("generic", "", each.name, each.version)
    return Component(
        Package(
            ecosystem=purl.kind,
            name=each.name or purl.name,
            version=each.version or purl.version,
            purl=each.purl or f"pkg:generic/{each.name}@{each.version}",
            licence="",
            supplier="",
            paths=(each.path,) if each.path else (),
            layer=each.layer,
            namespace=purl.namespace,
            found="lock",
        )
    )


def _same(
    each: Foreign,
    component: Component,
    found: Sequence[Vulnerability],
    places: dict[str, list[int]],
) -> int | None:
    for name in (each.id, *each.aliases):
        for index in places.get(name, ()):
            if found[index].component.ref == component.ref:
                return index
    return None


def _both(one: Vulnerability, other: Foreign) -> Vulnerability:
    sources = dict.fromkeys([*one.source.split(", "), other.source])
    if not one.rated:
        one = dataclasses.replace(
            one, level=other.level, rated=other.rated, score=other.score, vector=other.vector
        )
    names = set(one.aliases)
    if SOURCE not in sources:
        # Our own database knows all names of what it has: a report that gives one more could let
        # what is excused of another vulnerability count for this one.
        names |= {other.id, *other.aliases}
    return dataclasses.replace(
        one,
        aliases=tuple(sorted(names - {one.id})),
        fixed=one.fixed or other.fixed,
        published=one.published or other.published,
        summary=one.summary or other.summary,
        url=one.url or other.url,
        exploited=one.exploited or other.exploited,
        probability=other.probability if one.probability is None else one.probability,
        source=", ".join(sources),
    )


def _vulnerability(each: Foreign, component: Component) -> Vulnerability:
    return Vulnerability(
        id=each.id,
        aliases=each.aliases,
        component=component,
        summary=each.summary,
        level=each.level,
        rated=each.rated,
        score=each.score,
        vector=each.vector,
        fixed=each.fixed,
        published=each.published,
        url=each.url,
        source=each.source,
        exploited=each.exploited,
        probability=each.probability,
        malicious=each.id.startswith("MAL-"),
    )
