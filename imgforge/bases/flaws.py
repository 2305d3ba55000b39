"""What is known to be wrong with the packages that a base is made of, as its lock names them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from imgforge.advisories.database import Database
    from imgforge.inventory import Component, System
    from imgforge.lock import LockedBase

_RELEASE: Final = re.compile(r"([a-z]+)([0-9][0-9.]*)")
"""A distribution and its release, as definitions write it: ``debian13``."""

Flaws = Mapping[tuple[str, str], tuple[str, ...]]
"""Names of vulnerabilities by kind and name of the package."""


def mended(old: LockedBase, new: LockedBase) -> Flaws:
    """Return the known vulnerabilities that packages of ``old`` have and ``new`` has not.

    Nothing if there is no advisory database; InvalidInputError if there is one that is damaged.
    """
    from imgforge.advisories import whereabouts

    if not whereabouts.place().exists():
        return {}
    from imgforge.advisories.database import open_database

    with open_database() as database:
        before, after = (_flaws(database, base) for base in (old, new))
    gone = {key: tuple(sorted(before[key] - after.get(key, set()))) for key in before}
    return {key: names for key, names in gone.items() if names}


def _flaws(database: Database, base: LockedBase) -> dict[tuple[str, str], set[str]]:
    components = {component: key for key, component in _components(base)}
    found: dict[tuple[str, str], set[str]] = {}
    for hit in database.match(list(components), _system(base))[0]:
        names = hit.advisory.cves or (hit.advisory.id,)
        found.setdefault(components[hit.component], set()).update(names)
    return found


def _components(base: LockedBase) -> Iterator[tuple[tuple[str, str], Component]]:
    """Yield each package of any platform, with its kind and name in the lock."""
    from imgforge.analysis.facts import Package
    from imgforge.inventory import Component
    from imgforge.locks.names import pypi

    def one(
        kind: str, name: str, version: str, space: str = "", source: tuple[str, str] = ("", "")
    ) -> Component:
        return Component(
            Package(
                *(kind, name, version, f"pkg:{kind}/{name}@{version}", "", "", ("imgforge.lock",)),
                namespace=space,
                source=source[0],
                source_version=source[1],
                found="lock",
            )
        )

    for layer in (layer for platform in base.platforms for layer in platform.layers):
        for p in layer.packages:
            source = (p.source, p.source_version)
            yield ("deb", p.name), one("deb", p.name, p.version, source=source)
        for w in layer.wheels:
            yield ("pypi", w.name), one("pypi", pypi(w.name), w.version)
        for t in layer.tarballs:
            space, _, name = t.name.rpartition("/")
            yield ("npm", t.name), one("npm", name, t.version, space)


def _system(base: LockedBase) -> System | None:
    from imgforge.inventory import System

    release = _RELEASE.fullmatch(base.abi.partition(" ")[0])
    return System(release[1], release[2]) if release else None
