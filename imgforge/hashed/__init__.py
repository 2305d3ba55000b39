"""Hashed requirements out of the lock of any of Python's managers, for one image.

uv, Poetry and PDM each install from their own lock; pip and uv install from requirements that are
pinned with hashes. So a lock is turned into such requirements here, by its text, the text of the
``pyproject.toml`` beside it, and what image is meant, and every engine installs from those.
"""

from __future__ import annotations

import posixpath
from pathlib import Path

from imgforge import locks
from imgforge.errors import InvalidInputError
from imgforge.hashed import declared, listed, members, uv
from imgforge.hashed.pin import MENDS, Chosen, Pin, Target
from imgforge.locks import requirements as requirements_file
from imgforge.locks.shape import toml_table
from imgforge.oci.types import Platform
from imgforge.plan import Fill

REQUIREMENTS = "requirements-{}.txt"
"""Name of what is prepared for an architecture."""

PROGRAMS = ("bytecode_program.py", "bytecode_tree.py")
"""What compiles in a builder: files of :mod:`imgforge.bases`, which know nothing of
the package."""


def prepare(fill: Fill, platform: Platform, context: Path) -> dict[str, bytes]:
    """Return what a stage that installs finds prepared for ``platform``: file name → content.

    ``parameters`` of ``fill`` are lock, manager, python, groups and extras (both with commas),
    member (of a uv workspace), members (a JSON list of the folders whose wheels are built), and
    bytecode: where what is installed will lie, empty if it is not compiled. Requirements that are
    a file of the project already are not among it, unless members are built. Raises what
    :func:`requirements` raises.
    """
    told = fill.parameters
    found = programs() if told["bytecode"] else {}
    text = requirements(context, told, platform)
    if told["manager"] != "pip" or members.folders(told):
        found[REQUIREMENTS.format(platform.architecture)] = text
    return found


def programs() -> dict[str, bytes]:
    """Return the programs that compile in a builder: file name → content."""
    folder = Path(__file__).parents[1] / "bases"
    return {name: (folder / name).read_bytes() for name in PROGRAMS}


def requirements(context: Path, parameters: dict[str, str], platform: Platform) -> bytes:
    """Return the hashed requirements that the lock in ``context`` has for ``platform``.

    InvalidInputError if the lock cannot be read, is older than ``pyproject.toml``, has what no
    index offers, or members that are not built, or knows no such groups and extras.
    """
    found = choose(context, parameters, platform)
    members.demand(context, parameters, found.members)
    if parameters["manager"] == "pip":
        lock = parameters["lock"]
        return requirements_file.split(lock, locks.content(context, lock)).rest.encode()
    lines = [f"{pin.name}=={pin.version} {_hashes(pin)}\n" for pin in found.pins]
    return "".join(lines).encode()


def _hashes(pin: Pin) -> str:
    return " ".join(f"--hash={value}" for value in pin.hashes)


def choose(context: Path, parameters: dict[str, str], platform: Platform) -> Chosen:
    """Return what the lock in ``context`` has for ``platform``: pins, and members to build.

    Raises what :func:`requirements` raises, but for members that are not built.
    """
    manager, lock = parameters["manager"], parameters["lock"]
    groups, extras = (tuple(filter(None, parameters[k].split(","))) for k in ("groups", "extras"))
    target = Target(parameters["python"], platform.architecture, groups, extras)
    text = locks.content(context, lock)
    folder = members.home(context, parameters)
    path = posixpath.join(folder, declared.FILE)
    if manager == "pip" or (manager == "pylock" and not (context / path).exists()):
        found = _READERS[manager](lock, text, target)
        asked = []
    else:
        project = members.read(context, folder)
        if unknown := list(declared.unknown(project, target)):
            raise InvalidInputError(f"{path} has no such groups or extras", details=unknown)
        asked = [(project, target)]
        if manager == "uv":
            found = uv.read(lock, text, project.name, target)
        else:
            found = _READERS[manager](lock, text, target)
    beside = [(m, members.project(context, lock, m)) for m in (*found.members, *found.virtual)]
    asked += [(its, Target(target.python, target.architecture)) for _, its in beside]
    answers = [*found.pins, *(Pin(its.name, m.version, ()) for m, its in beside)]
    for project, wanted in asked:
        stale = list(declared.unanswered(project, answers, wanted))
        if stale := stale or _differences(manager, lock, text, project):
            raise InvalidInputError(
                f"{lock} does not fit {project.path}",
                details=stale,
                hint=f"bring it up to date: {MENDS[manager]}",
            )
    return found


_READERS = {
    "pdm": listed.pdm,
    "pip": listed.requirements,
    "poetry": listed.poetry,
    "pylock": listed.pylock,
}


def _differences(manager: str, lock: str, text: str, project: declared.Project) -> list[str]:
    """Say how the lock was made for another ``pyproject.toml``, as far as it tells."""
    if manager == "poetry" and posixpath.dirname(project.path) == posixpath.dirname(lock):
        metadata = toml_table(lock, text).get("metadata") or {}
        same = metadata.get("content-hash") == declared.poetry_hash(project)
        return [] if same else ["its content-hash is of another pyproject.toml"]
    if manager == "uv":
        then = uv.stated(lock, text, project.name)
        beside = {name for name, _, specifier in then if specifier == uv.ANY}
        now = {(n, e, uv.ANY if n in beside else specifier) for n, e, specifier in project.every()}
        found = [f"{_spelt(item)} is not what was locked" for item in sorted(now - then)]
        return found + [f"{_spelt(item)} was locked" for item in sorted(then - now)]
    return []


def _spelt(requirement: tuple[str, str, str]) -> str:
    name, extras, specifier = requirement
    specifier = "" if specifier == uv.ANY else specifier
    return f"{name}[{extras}]{specifier}" if extras else f"{name}{specifier}"
