"""What a project's own wheel is built with: the lock of its build backend, held against its wishes.

``[build-system]`` of ``pyproject.toml`` (packaging.python.org) says what building needs; the wheel
is built without network, so all of it, and what that needs in turn, stands in a lock with hashes.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from imgforge import locks
from imgforge.errors import InvalidInputError
from imgforge.hashed import declared, members, wheels
from imgforge.locks import requirements
from imgforge.locks.locked import Entry
from imgforge.locks.markers import environment
from imgforge.locks.names import pypi
from imgforge.locks.shape import Spot, toml_table
from imgforge.oci.types import Platform
from imgforge.plan import Fill

REQUIREMENTS = "requirements.txt"
"""Name of what is prepared."""

_TAGGED = frozenset({"hatch-vcs", "setuptools-scm", "uv-dynamic-versioning", "versioningit"})
"""Backends' helpers that take the version from tags of version control."""


def prepare(fill: Fill, platform: Platform, context: Path) -> dict[str, bytes]:
    """Return the hashed requirements of the backend: file name → content.

    ``parameters`` of ``fill`` are as in :mod:`imgforge.hashed.wheels`, with build-lock,
    project-version, and project (``true``), which with members says whose wheels are built.
    InvalidInputError if a ``pyproject.toml`` is no project that can be built, or the build lock is
    missing, has an entry without hash, or does not fit; the hint has the command that makes it.
    """
    told = fill.parameters
    asked = _asked(context, told, platform)
    _demand(context, asked)
    text = locks.content(context, asked.lock)
    entries = requirements.read(asked.lock, text).entries
    for path, wanted in asked.wanted.items():
        if wrong := list(_misfits(entries, wanted, told, platform)):
            raise InvalidInputError(
                f"{asked.lock} does not fit {path}",
                details=wrong,
                hint=f"make it again: {asked.mend}",
            )
        _demand_version(context, path, wanted, told["project-version"])
    return {REQUIREMENTS: text.encode()}


class _Asked(NamedTuple):
    """The build lock, what each ``pyproject.toml`` needs, and the command that locks all of it."""

    lock: str
    wanted: dict[str, tuple[str, ...]]
    mend: str


def demand(context: Path, told: dict[str, str], platform: Platform) -> None:
    """Demand that the build lock is there; InvalidInputError says how it is made.

    ``told`` is as the parameters of :func:`prepare`.
    """
    _demand(context, _asked(context, told, platform))


def _demand(context: Path, asked: _Asked) -> None:
    if not (context / asked.lock).exists():
        raise InvalidInputError(
            f"{asked.lock} does not exist", hint=f"make it, in its folder: {asked.mend}"
        )


def _asked(context: Path, told: dict[str, str], platform: Platform) -> _Asked:
    lock = posixpath.join(posixpath.dirname(told["lock"]), told["build-lock"])
    built = [
        *(
            wheels.of_project(context, told, platform)
            if told.get("project", "true") == "true"
            else ()
        ),
        *(wheels.of_members(context, told, platform) if members.folders(told) else ()),
    ]
    paths = [posixpath.normpath(posixpath.join(w.folder, declared.FILE)) for w in built]
    wanted = {path: requires(context, path) for path in paths}
    every = dict.fromkeys(line for lines in wanted.values() for line in lines)
    return _Asked(lock, wanted, made_by(tuple(every), told["build-lock"], told["python"]))


def requires(context: Path, path: str) -> tuple[str, ...]:
    """Return what building the project needs, as ``pyproject.toml`` at ``path`` has it.

    InvalidInputError if it declares no build system or no project.
    """
    spot = Spot(path)
    table = toml_table(path, locks.content(context, path))
    system = spot.table(table.get("build-system"), "build-system")
    if not system or not declared.read(path, locks.content(context, path)).name:
        raise InvalidInputError(
            f"{path}: [build-system] and the project's name are needed to build its wheel",
            hint="without them leave parameters.project out, and the sources are copied",
        )
    return spot.words(system.get("requires"), "build-system.requires")


def made_by(wanted: Sequence[str], lock: str, python: str) -> str:
    """Return the command that locks ``wanted`` for a Python (``3.13``) into the file ``lock``."""
    return (
        f"printf '%s\\n' {shlex.join(wanted)} | uv pip compile --universal "
        f"--python-version {python} --generate-hashes -o {shlex.quote(lock)} -"
    )


def _misfits(
    entries: Sequence[Entry], wanted: Sequence[str], told: dict[str, str], platform: Platform
) -> Iterator[str]:
    from packaging.markers import Marker
    from packaging.requirements import InvalidRequirement, Requirement

    values = environment(platform.architecture, told["python"])
    pinned = {
        e.name: e.version for e in entries if not e.marker or Marker(e.marker).evaluate(values)
    }
    yield from (f"{e.name} has no hash" for e in entries if not e.hashes)
    for line in wanted:
        try:
            asked = Requirement(line)
        except InvalidRequirement:
            yield f"{line!r} of build-system.requires is no requirement"
            continue
        if asked.marker is not None and not asked.marker.evaluate(values):
            continue
        version = pinned.get(pypi(asked.name), "")
        if not version:
            yield f"{asked} is not locked"
        elif not asked.specifier.contains(version, prereleases=True):
            yield f"{asked} is asked for, {version} is locked"


def _demand_version(context: Path, path: str, wanted: Sequence[str], version: str) -> None:
    """Demand a version where the project would take it from tags: no build sees the history."""
    from packaging.requirements import Requirement

    project = toml_table(path, locks.content(context, path)).get("project")
    dynamic = project.get("dynamic") if isinstance(project, dict) else ()
    tagged = _TAGGED.intersection(pypi(Requirement(line).name) for line in wanted)
    if isinstance(dynamic, list) and "version" in dynamic and tagged and not version:
        raise InvalidInputError(
            f"{path}: the version comes from tags ({', '.join(sorted(tagged))}), "
            "which no build sees",
            hint='say which it is: [stack] parameters = { project-version = "1.2.3" }',
        )
