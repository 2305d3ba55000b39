"""Asking a database once for all packages that many inventories share."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from imgforge.vulnerabilities.found import Found, ordered, vulnerabilities
from imgforge.vulnerabilities.left import settled

if TYPE_CHECKING:
    from imgforge.advisories.advisory import Unmatched
    from imgforge.inventory import Component, Inventory, System
    from imgforge.vulnerabilities.found import Matcher
    from imgforge.vulnerabilities.vulnerability import Vulnerability

Key = tuple[object, ...]


class Remembered:
    """A database whose answers are kept: the same package of the same system is asked for once."""

    def __init__(self, database: Matcher) -> None:
        self._database = database
        self._known: dict[Key, tuple[list[Vulnerability], list[Unmatched]]] = {}

    def found(self, inventory: Inventory) -> Found:
        """Return what :func:`imgforge.vulnerabilities.found.found` does."""
        keys = [_key(component, inventory.system) for component in inventory.components]
        pairs = list(zip(keys, inventory.components, strict=True))
        fresh = {key: component for key, component in pairs if key not in self._known}
        if fresh:
            self._ask(fresh, inventory.system)
        found: list[Vulnerability] = []
        unmatched: list[Unmatched] = []
        for key, component in pairs:
            hits, unknown = self._known[key]
            found += [
                hit if hit.component is component else dataclasses.replace(hit, component=component)
                for hit in hits
            ]
            unmatched += [each._replace(component=component) for each in unknown]
        kept, left = settled(found, unmatched, inventory, self._database.told)
        return Found(ordered(kept), tuple(unmatched), left)

    def _ask(self, fresh: dict[Key, Component], system: System | None) -> None:
        matches, unmatched = self._database.match(list(fresh.values()), system)
        for key in fresh:
            self._known[key] = ([], [])
        for one in vulnerabilities(matches, self._database):
            self._known[_key(one.component, system)][0].append(one)
        for each in unmatched:
            self._known[_key(each.component, system)][1].append(each)


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
