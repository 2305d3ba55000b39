"""Which stack is meant: a name that specs use, or a folder."""

from __future__ import annotations

from pathlib import Path

from imgforge import assets, stack
from imgforge.errors import InvalidInputError
from imgforge.stack import LoadedStack

OWN = "imgforge"
"""Where the stacks that ship with imgforge come from."""


def open_stack(what: str) -> LoadedStack:
    """Read the stack that ``what`` means; InvalidInputError if it means none or a broken one."""
    if "/" in what or (Path(what) / stack.FILE).is_file():
        return open_folder(Path(what))
    return stack.load(what)


def folder_of(what: str) -> Path | None:
    """Return the folder of what :func:`open_stack` reads; None if it lies in none here."""
    for folder in (Path(what), assets.folder("stacks") / what):
        if (folder / stack.FILE).is_file():
            return folder
    return None


def open_folder(folder: Path) -> LoadedStack:
    """Read the stack in ``folder``; only imgforge's own templates run outside the sandbox."""
    folder = folder.resolve()
    if not (folder / stack.FILE).is_file():
        raise InvalidInputError(
            f"{folder} holds no {stack.FILE}", hint="imgforge stack new makes a folder that does"
        )
    return stack.read(folder, trusted=is_own(folder))


def is_own(folder: Path) -> bool:
    """Whether the folder is that of a stack that ships with imgforge."""
    return folder.resolve().parent == assets.folder("stacks").resolve()
