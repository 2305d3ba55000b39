"""Where the packages lie whose wheels a build makes itself: the project, members of a workspace."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Sequence
from pathlib import Path

from imgforge import locks
from imgforge.errors import InvalidInputError
from imgforge.hashed import declared, uv
from imgforge.hashed.pin import Member
from imgforge.locks.names import pypi


def home(context: Path, told: dict[str, str]) -> str:
    """Return the folder, from the spec's, of the project that the image is for ('' for its own).

    It is the lock's folder, or where the uv workspace has the member that ``told`` names.
    InvalidInputError if there is no such member.
    """
    lock, name = told["lock"], told.get("member", "")
    folder = posixpath.dirname(lock)
    if not name:
        return folder
    if told["manager"] != "uv":
        raise InvalidInputError(
            f"{lock}: parameters.member names a member of a uv workspace",
            hint="lock with uv, or leave the parameter out",
        )
    inner = uv.folder(lock, locks.content(context, lock), pypi(name))
    return _inside(context, folder, inner, f"{lock}: its member {name}")


def located(context: Path, lock: str, member: Member) -> str:
    """Return the folder of a member of ``lock``, from the spec's folder.

    InvalidInputError names the line of the lock if it leaves the spec's folder, or has no
    ``pyproject.toml``.
    """
    said = f"{member.place}: {member.name or 'a package'}"
    folder = _inside(context, posixpath.dirname(lock), member.folder, said)
    if not (context / folder / declared.FILE).is_file():
        raise InvalidInputError(f"{said} lies in {folder}, where no {declared.FILE} is")
    return folder


def project(context: Path, lock: str, member: Member) -> declared.Project:
    """Read the ``pyproject.toml`` of a member of ``lock``; InvalidInputError if it is another's."""
    folder = located(context, lock, member)
    found = read(context, folder)
    if member.name not in {"", found.name}:
        raise InvalidInputError(
            f"{member.place}: {folder} holds {found.name or 'no project'}, not {member.name}"
        )
    return found


def _inside(context: Path, folder: str, path: str, said: str) -> str:
    found = posixpath.normpath(posixpath.join(folder, path))
    root = context.resolve()
    if found.startswith("..") or not (context / found).resolve().is_relative_to(root):
        raise InvalidInputError(
            f"{said} lies in {path}, outside the folder of the spec",
            hint="put the spec into a folder that holds both, and name the lock from there",
        )
    return found


def folders(told: dict[str, str]) -> list[str]:
    """Return the folders whose wheels are built; none where a stack tells of no such parameter.

    InvalidInputError if the parameter ``members`` of a stack is another than a list of texts.
    """
    said = told.get("members", "[]")
    try:
        found = json.loads(said)
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise InvalidInputError(
            f"the stack's parameter members is told as {said!r}, which is no list of folders",
            hint='its stack.toml says type = "strings"',
        )
    return found


def demand(context: Path, told: dict[str, str], found: Sequence[Member]) -> None:
    """Demand that members' wheels are built where there are any: ``told`` names their folders.

    InvalidInputError lists those that lie in none of these; the hint names all that are needed.
    """
    named = [posixpath.normpath(path) for path in folders(told)]
    lying = {located(context, told["lock"], member): member for member in found}
    missing = [
        f"{member.place}: {folder}"
        for folder, member in lying.items()
        if not any(path in {".", folder} or folder.startswith(f"{path}/") for path in named)
    ]
    if missing:
        raise InvalidInputError(
            f"{missing[0]}: its sources lie in the project, so no hash in the lock pins it",
            details=missing[1:],
            hint="let wheels be built of them: [stack.parameters] members = "
            + json.dumps([*named, *sorted(f for f in lying if f not in named)]),
        )


def read(context: Path, folder: str) -> declared.Project:
    """Read the ``pyproject.toml`` in a folder of the project; InvalidInputError as it has it."""
    path = posixpath.join(folder, declared.FILE)
    return declared.read(path, locks.content(context, path))
