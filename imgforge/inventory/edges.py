"""Which component needs which: what packages say of themselves, and what locks add to that.

Each look-up is one of a table, so time grows with the edges alone, in circles or not.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import Final

from imgforge.analysis.facts import SYMLINK, ImageFacts, Package
from imgforge.inventory.component import Component
from imgforge.inventory.matching import Match, named
from imgforge.locks.names import folded

_MANIFEST: Final = "/package.json"
_FOLDER: Final = "node_modules"

Needs = list[tuple[str, ...]]


def needs(image: ImageFacts, components: Sequence[Component], found: Sequence[Match]) -> Needs:
    """Return for every component the sorted ``ref`` of those that it needs.

    Of several packages of one name the nearest counts: for npm as Node.js looks for modules, else
    the one in the same archive, program or library folder before any other.
    """
    refs = [component.ref for component in components]
    packages = [component.package for component in components]
    index = _Index(image, packages)
    out: Needs = []
    for at, (package, match) in enumerate(zip(packages, found, strict=True)):
        own = set(index.said(package))
        if match.entry is not None and match.entry.needs:
            own |= set(index.locked(package, match.entry.needs, own))
        own.discard(at)
        out.append(tuple(sorted({refs[i] for i in own})))
    return out


class _Index:
    """The packages of an image by what others may call them."""

    def __init__(self, image: ImageFacts, packages: Sequence[Package]) -> None:
        self._image = image
        self._packages = packages
        self._paths: dict[str, int] = {}
        self._homes: dict[tuple[str, str, str], int] = {}
        self._names: dict[tuple[str, str], int] = {}
        self._versions: dict[tuple[str, str], int] = {}
        for at, package in enumerate(packages):
            ecosystem, name = named(package)
            if not package.inside and package.found != "lock":
                self._paths.setdefault(package.paths[0], at)
            self._homes.setdefault((ecosystem, name, _home(package)), at)
            self._names.setdefault((ecosystem, name), at)
            self._versions.setdefault((ecosystem, f"{name}@{package.version}"), at)

    def said(self, package: Package) -> Iterator[int]:
        """Yield what ``package`` says that it needs, as far as it is there."""
        home = _home(package)
        for need in package.depends:
            # Debian's alternatives: the first that is there will do.
            for name in need.split("|"):
                at = self._nearest(package, folded(package.ecosystem, name.strip()), home)
                if at is not None:
                    yield at
                    break

    def locked(self, package: Package, keys: Sequence[str], known: set[int]) -> Iterator[int]:
        """Yield what a lock says that ``package`` needs, unless the package itself said it."""
        told = {named(self._packages[at]) for at in known}
        for key in keys:
            name, _, version = key.rpartition("@")
            name = folded(package.ecosystem, name)
            if (package.ecosystem, name) in told:
                continue
            at = self._versions.get((package.ecosystem, f"{name}@{version}"))
            if at is None:
                at = self._nearest(package, name, _home(package))
            if at is not None:
                yield at

    def _nearest(self, package: Package, name: str, home: str) -> int | None:
        if package.ecosystem == "npm" and not package.inside and package.found != "lock":
            return self._module(package.paths[0], name)
        at = self._homes.get((package.ecosystem, name, home))
        return at if at is not None else self._names.get((package.ecosystem, name))

    def _module(self, manifest: str, name: str) -> int | None:
        """Look for a module as Node.js does: in every ``node_modules`` from here up to the root."""
        folder = posixpath.dirname(manifest)
        while True:
            if posixpath.basename(folder) != _FOLDER:
                place = posixpath.join(folder, _FOLDER, name)
                at = self._paths.get(place + _MANIFEST)
                if at is not None:
                    return at
                fact = self._image.files.get(place)
                if fact is not None and fact.kind == SYMLINK:
                    target = self._image.resolve(place)
                    at = self._paths.get(f"{target}{_MANIFEST}") if target else None
                    if at is not None:
                        return at
            if not folder:
                return None
            folder = posixpath.dirname(folder)


def _home(package: Package) -> str:
    """Return where packages that belong together lie: an archive, a program, a library folder."""
    path = package.paths[0]
    if package.inside or package.found in {"binary", "lock"}:
        return path
    folder = posixpath.dirname(path)
    # The folder of a distribution's metadata lies beside its modules.
    return posixpath.dirname(folder) if package.ecosystem == "pypi" else folder
