"""Which component needs which: what packages say of themselves, and what locks add to that.

Each look-up is one of a table, so time grows with the edges alone, in circles or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from imgforge.analysis.facts import SYMLINK, ImageFacts, Package
from imgforge.inventory.matching import Match, named
from imgforge.locks.names import folded

_MANIFEST: Final = "/package.json"
_FOLDER: Final = "node_modules"

Needs = list[tuple[str, ...]]


def needs(
    image: ImageFacts, packages: Sequence[Package], refs: Sequence[str], found: Sequence[Match]
) -> Needs:
    """Return for every package the sorted ``refs`` of those that it needs.

    Of several packages of one name the nearest counts: for npm as Node.js looks for modules, else
    the one in the same archive, program or library folder before any other.
    """
    index = _Index(image, packages)
    out: Needs = []
    for at, (package, match) in enumerate(zip(packages, found, strict=True)):
        own = set(index.said(package))
        if match.entry is not None and match.entry.needs:
            own |= set(index.locked(package, match.entry.needs, own))
        own.discard(at)  # what needs itself says nothing
        out.append(tuple(sorted({refs[i] for i in own})))
    return out


class _Index:
    """The packages of an image by what others may call them."""

    def __init__(self, image: ImageFacts, packages: Sequence[Package]) -> None:
        self._image = image
        self._titles: list[str] = []
        self._paths: dict[str, int] = {}
        self._homes: dict[tuple[str, str, str], int] = {}
        self._names: dict[tuple[str, str], int] = {}
        self._versions: dict[tuple[str, str], int] = {}
        for at, package in enumerate(packages):
            ecosystem, name = named(package)
            self._titles.append(name)
            if not package.inside and package.found != "lock":
                self._paths.setdefault(package.paths[0], at)
            self._homes.setdefault((ecosystem, name, _home(package)), at)
            self._names.setdefault((ecosystem, name), at)
            self._versions.setdefault((ecosystem, f"{name}@{package.version}"), at)

    def said(self, package: Package) -> Iterator[int]:
        """Yield what ``package`` says that it needs, as far as it is there."""
        look = self._looker(package)
        for need in package.depends:
            # Debian's alternatives: the first that is there will do.
            for name in need.split("|") if "|" in need else (need,):
                at = look(folded(package.ecosystem, name.strip()))
                if at is not None:
                    yield at
                    break

    def locked(self, package: Package, keys: Sequence[str], known: set[int]) -> Iterator[int]:
        """Yield what a lock says that ``package`` needs, unless the package itself said it."""
        told = {self._titles[at] for at in known}
        look = self._looker(package)
        for key in keys:
            name, _, version = key.rpartition("@")
            name = folded(package.ecosystem, name)
            if name in told:
                continue
            at = self._versions.get((package.ecosystem, f"{name}@{version}"))
            at = look(name) if at is None else at
            if at is not None:
                yield at

    def _looker(self, package: Package) -> Callable[[str], int | None]:
        """Return what looks for a package by its name, from where ``package`` lies."""
        if package.ecosystem == "npm" and not package.inside and package.found != "lock":
            folders = list(_folders(package.paths[0]))
            return lambda name: self._module(folders, name)
        ecosystem, home = package.ecosystem, _home(package)

        def look(name: str) -> int | None:
            at = self._homes.get((ecosystem, name, home))
            return self._names.get((ecosystem, name)) if at is None else at

        return look

    def _module(self, folders: Sequence[str], name: str) -> int | None:
        """Look for a module as Node.js does, in every one of these folders."""
        for folder in folders:
            place = folder + name
            at = self._paths.get(place + _MANIFEST)
            if at is not None:
                return at
            fact = self._image.files.get(place)
            if fact is not None and fact.kind == SYMLINK:
                target = self._image.resolve(place)
                at = self._paths.get(f"{target}{_MANIFEST}") if target else None
                if at is not None:
                    return at
        return None


def _folders(manifest: str) -> Iterator[str]:
    """Yield the ``node_modules/`` in which a module looks for others: its own, then those above."""
    cut = manifest.rfind("/")
    while cut >= 0:
        if not manifest.endswith(_FOLDER, 0, cut):
            yield f"{manifest[:cut]}/{_FOLDER}/"
        cut = manifest.rfind("/", 0, cut)
    yield f"{_FOLDER}/"


def _home(package: Package) -> str:
    """Return where packages that belong together lie: an archive, a program, a library folder."""
    path = package.paths[0]
    if package.inside or package.found in {"binary", "lock"}:
        return path
    folder = path[: max(path.rfind("/"), 0)]
    # The folder of a distribution's metadata lies beside its modules.
    return folder[: max(folder.rfind("/"), 0)] if package.ecosystem == "pypi" else folder
