"""What ``pyproject.toml`` asks for, to see whether a lock beside it still answers that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imgforge.errors import InvalidInputError
from imgforge.hashed.pin import Pin, Target
from imgforge.locks.markers import environment
from imgforge.locks.names import pypi
from imgforge.locks.shape import Spot, toml_table

if TYPE_CHECKING:
    from packaging.requirements import Requirement

FILE = "pyproject.toml"


@dataclass(frozen=True, slots=True)
class Project:
    """A ``pyproject.toml``: the project's name, and its requirements by what asks for them.

    ``groups`` and ``extras`` map their names to requirements (PEP 508); names of groups and extras
    that only Poetry or PDM understand are there too, with none. ``python`` is ``requires-python``.
    """

    path: str
    name: str
    python: str
    dependencies: tuple[str, ...]
    extras: Mapping[str, tuple[str, ...]]
    groups: Mapping[str, tuple[str, ...]]
    table: Mapping[str, Any]

    def asked(self, target: Target) -> Iterator[Requirement]:
        """Yield the requirements that count for ``target``; InvalidInputError if one is none."""
        wanted = list(self.dependencies)
        wanted += [line for name in target.extras for line in self.extras.get(name, ())]
        wanted += [line for name in target.groups for line in self.groups.get(name, ())]
        values = environment(target.architecture, target.python)
        for requirement in map(self._requirement, wanted):
            if requirement.marker is None or requirement.marker.evaluate(values):
                yield requirement

    def every(self) -> frozenset[tuple[str, str, str]]:
        """Return all requirements: name, extras and specifier, in one spelling; no markers."""
        lines = [*self.dependencies, *(x for each in self.extras.values() for x in each)]
        lines += [x for each in self.groups.values() for x in each]
        return frozenset(
            (pypi(r.name), ",".join(sorted(map(pypi, r.extras))), str(r.specifier))
            for r in map(self._requirement, lines)
            if pypi(r.name) != self.name
        )

    def _requirement(self, line: str) -> Requirement:
        from packaging.requirements import InvalidRequirement, Requirement

        try:
            return Requirement(line)
        except InvalidRequirement as error:
            raise InvalidInputError(f"{self.path}: {line!r} is no requirement") from error


def read(path: str, text: str) -> Project:
    """Read the file; InvalidInputError names what has not its form."""
    spot = Spot(path)
    table = toml_table(path, text)
    project = spot.table(table.get("project"), "project")
    tool = spot.table(table.get("tool"), "tool")
    poetry = spot.table(tool.get("poetry"), "tool.poetry")
    pdm = spot.table(tool.get("pdm"), "tool.pdm")
    optional = spot.table(project.get("optional-dependencies"), "project.optional-dependencies")
    extras = {name: spot.words(optional[name], name) for name in optional}
    extras |= dict.fromkeys(spot.table(poetry.get("extras"), "tool.poetry.extras"), ())
    groups = {
        **dict.fromkeys(spot.table(poetry.get("group"), "tool.poetry.group"), ()),
        **dict.fromkeys(spot.table(pdm.get("dev-dependencies"), "dev-dependencies"), ()),
        **_groups(spot, spot.table(table.get("dependency-groups"), "dependency-groups")),
    }
    return Project(
        path,
        pypi(spot.word(project.get("name", poetry.get("name")), "project.name")),
        spot.word(project.get("requires-python"), "requires-python"),
        spot.words(project.get("dependencies"), "project.dependencies"),
        extras,
        groups,
        table,
    )


def _groups(spot: Spot, table: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Read dependency groups (PEP 735); an included one is replaced by what it has."""

    def lines(name: str, above: tuple[str, ...]) -> Iterator[str]:
        if name in above:
            raise spot.error(f"dependency group {name} includes itself")
        if name not in table:
            raise spot.error(f"there is no dependency group {name!r}, which another includes")
        for item in spot.items(table[name], name):
            if isinstance(item, dict):
                yield from lines(spot.name(item.get("include-group"), name), (*above, name))
            else:
                yield spot.word(item, name)

    return {name: tuple(lines(name, ())) for name in table}


def unknown(project: Project, target: Target) -> Iterator[str]:
    """Say which groups and extras were asked for and do not exist."""
    for kind, wanted, known in (
        ("groups", target.groups, project.groups),
        ("extras", target.extras, project.extras),
    ):
        for name in wanted:
            if name not in known:
                yield f"{kind}: {name!r} is none of {', '.join(sorted(known)) or 'it has none'}"


def unanswered(project: Project, pins: Collection[Pin], target: Target) -> Iterator[str]:
    """Say which requirements that count for ``target`` no pin fulfils."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    versions = {pin.name: pin.version for pin in pins}
    for requirement in project.asked(target):
        name = pypi(requirement.name)
        if name == project.name:
            continue  # its own extras, which are asked for by name
        version = versions.get(name)
        if version is None:
            yield f"{requirement} is not locked"
        elif version and not requirement.specifier.contains(version, prereleases=True):
            yield f"{requirement} is asked for, {version} is locked"
    try:
        fits = SpecifierSet(project.python)
    except InvalidSpecifier as error:
        raise InvalidInputError(f"{project.path}: requires-python: {error}") from error
    # Which patch release the base has is not known here: any that fits will do.
    if not any(fits.contains(f"{target.python}.{patch}") for patch in range(64)):
        yield f"requires-python is {project.python!r}, the image has Python {target.python}"


def poetry_hash(project: Project) -> str:
    """Return the ``content-hash`` that Poetry 2 gives a lock of this project (sha256, hex)."""
    table, wanted = project.table, ("requires-python", "dependencies", "optional-dependencies")
    declared = table.get("project", {})
    standard = {name: declared[name] for name in wanted if name in declared}
    groups = table.get("dependency-groups", {})
    own = table.get("tool", {}).get("poetry", {})
    # Without anything in the standard tables, keys that are not there count as null.
    old = ("dependencies", "source", "extras", "dev-dependencies")
    bare = not standard and not groups
    poetry = {name: own.get(name) for name in old if name in own or bare}
    poetry |= {"group": own["group"]} if "group" in own else {}
    value: dict[str, Any] = {}
    value |= {"project": standard} if standard else {}
    value |= {"dependency-groups": groups} if groups else {}
    value = {**value, "tool": {"poetry": poetry}} if value else poetry
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
