"""Collecting what the cache holds and nobody used for long, beside builds that go on.

An entry is a file or folder of its own: a base's layout, a layer and the notes that lead to it, a
package file, a plan, the facts of a layer, a part of a catalog's stack. Its time is its last use
(:func:`imgforge.cache.used`). Removal is a rename into ``.trash``, under the lock that a note of a
use shares, and only then a deletion: a build finds an entry whole or not at all. What killed runs
left half made goes after an hour. ``uv``'s cache and buildah's storage have rules and tools of
their own and are left alone.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imgforge import cache

DAYS = 30
"""Without a use, after which an entry goes if nobody says otherwise."""

YOUNGEST = 3600
"""Seconds: nothing that is younger is ever touched, whatever is asked for."""

UNFINISHED = "unfinished"
_TRASH = ".trash"
_OTHERS = frozenset({_TRASH, "buildah", "uv"})
_LAYOUTS = {
    "layers": ("keys", "blobs", "blobs/sha256"),
    "stacks": ("git", "blobs", "blobs/sha256"),
}
"""What is a layout whose blobs are entries each → the folders in it that hold entries."""

_LAYOUT = frozenset({"oci-layout", "index.json"})


@dataclass(frozen=True, slots=True)
class Freed:
    """What the entries of one kind gave back; ``size`` in bytes, counting no file that stays.

    ``kind`` is a folder of the cache, or ``unfinished`` for what killed runs left.
    """

    kind: str
    entries: int
    size: int


def collect(days: int = DAYS, *, dry_run: bool = False) -> tuple[Freed, ...]:
    """Remove what was not used for ``days``; say what that freed (or with ``dry_run`` would)."""
    root = cache.directory()
    trash = root / _TRASH
    if not dry_run:
        _empty(trash)
        trash.mkdir(exist_ok=True)
    now = time.time()
    removed: Counter[tuple[int, int]] = Counter()
    entries: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for kind, path in _entries(root):
        limit = YOUNGEST if kind == UNFINISHED else max(days * 86_400, YOUNGEST)
        if not _older(kind, path, now - limit):
            continue
        size = _size(path, removed)
        if dry_run or _removed(kind, path, now - limit, trash):
            entries[kind] += 1
            sizes[kind] += size
    if not dry_run:
        _empty(trash)
    return tuple(Freed(kind, entries[kind], sizes[kind]) for kind in sorted(entries))


def _entries(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield kind and path of every entry that there is."""
    for folder in sorted(p for p in root.iterdir() if p.is_dir() and p.name not in _OTHERS):
        folders = [folder]
        folders += [folder / name for name in _LAYOUTS.get(folder.name, ())]
        for path in (p for f in folders if f.is_dir() for p in sorted(f.iterdir())):
            if path in folders or (folder.name in _LAYOUTS and path.name in _LAYOUT):
                continue
            unfinished = path.name.startswith((".", "fill-"))
            yield UNFINISHED if unfinished else folder.name, path


def _older(kind: str, path: Path, moment: float) -> bool:
    """Whether an entry's last use, or the last write into something unfinished, is before."""
    try:
        if path.lstat().st_mtime >= moment:
            return False
        if kind == UNFINISHED:
            return all(s.st_mtime < moment for s in _files(path))
    except OSError:
        return False
    return True


def _size(path: Path, removed: Counter[tuple[int, int]]) -> int:
    """Return the bytes that no other name holds once ``path`` and what went before it are gone."""
    total = 0
    for status in _files(path):
        inode = (status.st_dev, status.st_ino)
        removed[inode] += 1
        if removed[inode] >= status.st_nlink:
            total += status.st_size
    return total


def _files(path: Path) -> Iterator[os.stat_result]:
    """Yield the status of every file at or under ``path``; what vanishes meanwhile is left out."""
    pending = [path]
    while pending:
        here = pending.pop()
        try:
            status = here.lstat()
            if stat.S_ISDIR(status.st_mode):
                pending += here.iterdir()
            else:
                yield status
        except OSError:
            continue


def _removed(kind: str, path: Path, moment: float, trash: Path) -> bool:
    """Take one entry out of its place unless it was used after all; False if it stays."""
    with cache.turn(exclusive=True):
        if not _older(kind, path, moment):
            return False
        try:
            path.rename(Path(tempfile.mkdtemp(dir=trash)) / path.name)
        except OSError:
            return False
    return True


def _empty(trash: Path) -> None:
    for path in trash.glob("*"):
        shutil.rmtree(path, ignore_errors=True)
