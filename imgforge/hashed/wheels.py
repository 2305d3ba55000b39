"""What a builder finds prepared to make wheels: of the project itself, or of its members.

Both kinds find the programs that compile bytecode, and the list of the folders to build.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from imgforge import hashed
from imgforge.errors import InvalidInputError
from imgforge.hashed import declared, members
from imgforge.locks.locked import Entry, Locked
from imgforge.locks.shape import Spot
from imgforge.oci.types import Platform
from imgforge.plan import Fill

FOLDERS = "folders-{}.txt"
"""Name of the list for an architecture: paths from the spec's folder, a line for each."""


class Wheel(NamedTuple):
    """A package that the build makes a wheel of.

    ``folder`` is named from the spec's; ``version`` is empty if the backend finds it; ``line`` is
    the lock's (0 for the project itself), ``place`` where it is spoken of.
    """

    name: str
    version: str
    folder: str
    place: str
    line: int = 0


def prepare(fill: Fill, platform: Platform, context: Path) -> dict[str, bytes]:
    """Return the programs and the folders: file name → content.

    ``parameters`` of ``fill`` are as in :mod:`imgforge.hashed`. InvalidInputError if the lock has
    no members where they are to be built, or for what it cannot say.
    """
    built = of_members if fill.kind == "members" else of_project
    found = list(built(context, fill.parameters, platform))
    if not found:
        raise InvalidInputError(
            f"{fill.parameters['lock']} has no members or path dependencies for {platform}",
            hint="leave stack.parameters.members out",
        )
    lines = "".join(f"{wheel.folder}\n" for wheel in found)
    programs = hashed.programs() if fill.parameters["bytecode"] else {}
    return {**programs, FOLDERS.format(platform.architecture): lines.encode()}


def of_project(context: Path, told: dict[str, str], platform: Platform) -> Iterator[Wheel]:  # noqa: ARG001 - the same for every image
    """Yield the project that the image is for; InvalidInputError if it cannot be read."""
    folder = members.home(context, told)
    project = members.read(context, folder)
    yield Wheel(project.name, _version(project), folder or ".", project.path)


def of_members(context: Path, told: dict[str, str], platform: Platform) -> Iterator[Wheel]:
    """Yield the members and path dependencies that the lock has for ``platform``.

    InvalidInputError names the line of one that cannot be built.
    """
    for member in hashed.choose(context, told, platform).members:
        folder = members.located(context, told["lock"], member)
        project = members.project(context, told["lock"], member)
        version = _version(project) or member.version
        _, _, line = member.place.rpartition(":")
        yield Wheel(project.name, version, folder, member.place, int(line))


def _version(project: declared.Project) -> str:
    spot = Spot(project.path)
    table = spot.table(project.table.get("project"), "project")
    return spot.word(table.get("version"), "version")


def declares(fill: Fill, platform: Platform, context: Path) -> Locked:
    """Return what a stage of one of these kinds installs, for comparison with the image."""
    told = fill.parameters
    if fill.kind == "members":
        wheels = tuple(of_members(context, told, platform))
        path = told["lock"]
    else:
        wheels = tuple(of_project(context, told, platform))
        path = posixpath.join(members.home(context, told), declared.FILE)
    return Locked(path, tuple(Entry("pypi", w.name, w.version, w.line) for w in wheels))
