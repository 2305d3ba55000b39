"""Asking a database once for all packages that many inventories share."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from imgforge.advisories.advisory import Match, Unmatched

if TYPE_CHECKING:
    from imgforge.inventory import Component, System
    from imgforge.vulnerabilities.found import Matcher

Key = tuple[object, ...]


class Remembered:
    """A database whose answers are kept: the same package of the same system is asked for once."""

    def __init__(self, database: Matcher) -> None:
        self._database = database
        self._known: dict[Key, tuple[list[Match], list[Unmatched]]] = {}

    def match(
        self, components: Sequence[Component], system: System | None
    ) -> tuple[list[Match], list[Unmatched]]:
        """Return what the database would, in the order of ``components``."""
        keys = [_key(component, system) for component in components]
        fresh = {k: c for k, c in zip(keys, components, strict=True) if k not in self._known}
        if fresh:
            self._ask(fresh, system)
        matches: list[Match] = []
        unmatched: list[Unmatched] = []
        for key, component in zip(keys, components, strict=True):
            hits, unknown = self._known[key]
            matches += [hit._replace(component=component) for hit in hits]
            unmatched += [each._replace(component=component) for each in unknown]
        return matches, unmatched

    def _ask(self, fresh: dict[Key, Component], system: System | None) -> None:
        matches, unmatched = self._database.match(list(fresh.values()), system)
        for key in fresh:
            self._known[key] = ([], [])
        for match in matches:
            self._known[_key(match.component, system)][0].append(match)
        for each in unmatched:
            self._known[_key(each.component, system)][1].append(each)

    def exploited(self, cves: Collection[str]) -> set[str]:
        """Return those that are exploited in the wild."""
        return self._database.exploited(cves)

    def probabilities(self, cves: Collection[str]) -> dict[str, float]:
        """Return how probably each is exploited, as far as that is known."""
        return self._database.probabilities(cves)


def _key(component: Component, system: System | None) -> Key:
    """Return all that an answer can depend on: not where the package lies."""
    package = component.package
    return (
        system,
        package.purl,
        package.ecosystem,
        package.namespace,
        package.name,
        package.version,
        package.source,
        package.source_version,
        package.architecture,
    )
