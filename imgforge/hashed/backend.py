"""What a project's own wheel is built with: the lock of its build backend, held against its wishes.

``[build-system]`` of ``pyproject.toml`` (packaging.python.org) says what building needs; the wheel
is built without network, so all of it, and what that needs in turn, stands in a lock with hashes.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from imgforge import locks
from imgforge.errors import InvalidInputError
from imgforge.hashed import declared
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

    ``parameters`` of ``fill`` are lock, python, build-lock and project-version. InvalidInputError
    if ``pyproject.toml`` beside the lock is no project that can be built, or the build lock is
    missing, has an entry without hash, or does not fit; the hint has the command that makes it.
    """
    told = fill.parameters
    beside, lock, wanted, mend = _asked(context, told)
    demand(context, told)
    text = locks.content(context, lock)
    if wrong := list(_misfits(requirements.read(lock, text).entries, wanted, told, platform)):
        raise InvalidInputError(
            f"{lock} does not fit {beside}", details=wrong, hint=f"make it again: {mend}"
        )
    _demand_version(context, beside, wanted, told["project-version"])
    return {REQUIREMENTS: text.encode()}


def demand(context: Path, told: dict[str, str]) -> None:
    """Demand that the build lock is there; InvalidInputError says how it is made.

    ``told`` is as the parameters of :func:`prepare`.
    """
    _, lock, _, mend = _asked(context, told)
    if not (context / lock).exists():
        raise InvalidInputError(f"{lock} does not exist", hint=f"make it, in its folder: {mend}")


def _asked(context: Path, told: dict[str, str]) -> tuple[str, str, tuple[str, ...], str]:
    """Return where project and build lock lie, what building needs, and what locks that."""
    folder = posixpath.dirname(told["lock"])
    beside, lock = (posixpath.join(folder, n) for n in (declared.FILE, told["build-lock"]))
    wanted = requires(context, beside)
    return beside, lock, wanted, made_by(wanted, told["build-lock"], told["python"])


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
