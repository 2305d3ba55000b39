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
from imgforge.hashed import declared, listed, uv
from imgforge.hashed.pin import MENDS, Pin, Target
from imgforge.locks.shape import toml_table
from imgforge.oci.types import Platform
from imgforge.plan import Fill

REQUIREMENTS = "requirements-{}.txt"
"""Name of what is prepared for an architecture."""


def prepare(fill: Fill, platform: Platform, context: Path) -> dict[str, bytes]:
    """Return the requirements of a stage for ``platform``: file name → content.

    ``parameters`` of ``fill`` are lock, manager, python, groups and extras (both with commas).
    Raises what :func:`requirements` raises.
    """
    text = requirements(context, fill.parameters, platform)
    return {REQUIREMENTS.format(platform.architecture): text}


def requirements(context: Path, parameters: dict[str, str], platform: Platform) -> bytes:
    """Return the hashed requirements that the lock in ``context`` has for ``platform``.

    InvalidInputError if the lock cannot be read, is older than ``pyproject.toml``, has what no
    index offers, or knows no such groups and extras.
    """
    manager, lock = parameters["manager"], parameters["lock"]
    groups, extras = (tuple(filter(None, parameters[k].split(","))) for k in ("groups", "extras"))
    target = Target(parameters["python"], platform.architecture, groups, extras)
    pins = _pins(manager, lock, context, target)
    lines = [f"{pin.name}=={pin.version} {_hashes(pin)}\n" for pin in pins]
    return "".join(lines).encode()


def _hashes(pin: Pin) -> str:
    return " ".join(f"--hash={value}" for value in pin.hashes)


def _pins(manager: str, lock: str, context: Path, target: Target) -> tuple[Pin, ...]:
    text = locks.content(context, lock)
    beside = posixpath.join(posixpath.dirname(lock), declared.FILE)
    if manager == "pylock" and not (context / beside).exists():
        return listed.pylock(lock, text, target)
    project = declared.read(beside, locks.content(context, beside))
    unknown = list(declared.unknown(project, target))
    if unknown:
        raise InvalidInputError(f"{beside} has no such groups or extras", details=unknown)
    if manager == "uv":
        pins = uv.pins(lock, text, project.name, target)
    else:
        reader = {"poetry": listed.poetry, "pdm": listed.pdm, "pylock": listed.pylock}[manager]
        pins = reader(lock, text, target)
    stale = list(declared.unanswered(project, pins, target))
    stale = stale or _differences(manager, lock, text, project)
    if stale:
        raise InvalidInputError(
            f"{lock} does not fit {beside}",
            details=stale,
            hint=f"bring it up to date: {MENDS[manager]}",
        )
    return pins


def _differences(manager: str, lock: str, text: str, project: declared.Project) -> list[str]:
    """Say how the lock was made for another ``pyproject.toml``, as far as it tells."""
    if manager == "poetry":
        metadata = toml_table(lock, text).get("metadata") or {}
        same = metadata.get("content-hash") == declared.poetry_hash(project)
        return [] if same else ["its content-hash is of another pyproject.toml"]
    if manager == "uv":
        now, then = project.every(), uv.stated(lock, text, project.name)
        found = [f"{_spelt(item)} is not what was locked" for item in sorted(now - then)]
        return found + [f"{_spelt(item)} was locked" for item in sorted(then - now)]
    return []


def _spelt(requirement: tuple[str, str, str]) -> str:
    name, extras, specifier = requirement
    return f"{name}[{extras}]{specifier}" if extras else f"{name}{specifier}"
