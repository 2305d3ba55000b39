"""Which stack is meant: a folder, or a name as specs and catalogs have it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from imgforge import assets, stack
from imgforge.errors import InvalidInputError
from imgforge.stack import LoadedStack

Say = Callable[[str], None]


class Found(NamedTuple):
    """A stack, the folder that holds all its files, and what its catalog is called."""

    stack: LoadedStack
    folder: Path
    catalog: str


@contextlib.contextmanager
def opened(what: str, say: Say) -> Iterator[Found]:
    """Open what a command line names: a folder, or ``[CATALOG/]NAME[@VERSION]``.

    What comes from a catalog is verified, and lies in a folder as long as this lasts. Raises
    InvalidInputError if it means nothing or something broken, and what
    :func:`imgforge.catalogs.taking.take` raises.
    """
    from imgforge.catalogs import BUILTIN, publication, taking

    if (Path(what) / stack.FILE).is_file() or what.startswith((".", "/", "~")):
        yield Found(open_folder(Path(what)), Path(what), "")
        return
    wanted = taking.wanted(what)
    found, files = taking.take(wanted, say=say)
    if found.pin.catalog == BUILTIN:
        yield Found(found.stack, assets.folder("stacks") / wanted.name, BUILTIN)
        return
    with tempfile.TemporaryDirectory(prefix="imgforge-stack-") as scratch:
        folder = Path(scratch) / wanted.name
        publication.take_home(files, folder)
        yield Found(found.stack, folder, found.pin.catalog)


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
