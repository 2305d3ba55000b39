"""Where imgforge keeps what it can make again: one directory of this user's, mode 0700.

The time of an entry (a file, or a folder that is one layout) is when it was last used, and what
nobody used for long may be removed (:mod:`imgforge.bases.collection`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from imgforge.errors import InvalidInputError

FRESH = 1800
"""Seconds for which an entry's time holds: a use within them is not noted again."""


def directory(*parts: str) -> Path:
    """Return (and make) a directory of the cache; ``IMGFORGE_CACHE`` moves the whole.

    Analysis results and bases lie here, and a poisoned entry could pass a gate, so a cache that
    belongs to somebody else or that others can write is refused with InvalidInputError.
    """
    named = os.environ.get("IMGFORGE_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    root = Path(named) if named else Path(home) / "imgforge"
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InvalidInputError(
            f"the cache {root} cannot be made: {error.strerror}",
            hint="name a folder of yours in IMGFORGE_CACHE",
        ) from error
    status = root.stat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise InvalidInputError(
            f"the cache {root} is not this user's alone",
            hint="chmod 700 it, or name another directory in IMGFORGE_CACHE",
        )
    path = root.joinpath(*parts)
    path.mkdir(parents=True, exist_ok=True)
    return path


def write(path: Path, data: bytes) -> None:
    """Give ``path`` a new content in one step, whoever else writes it at the same time."""
    fd, temporary = tempfile.mkstemp(prefix=".new-", dir=path.parent)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
        Path(temporary).rename(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def used(path: Path) -> bool:
    """Note that an entry is being used; False if it is not there (any more).

    After True the entry stays for as long as the collection spares what is young.
    """
    try:
        if path.stat().st_mtime > time.time() - FRESH:
            return True
        with turn(exclusive=False):
            os.utime(path)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def turn(*, exclusive: bool) -> Iterator[None]:
    """Hold the cache's lock for a moment: notes of a use share it, a removal is alone."""
    with (directory() / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
