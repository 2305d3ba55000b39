"""Locks that were found good: that is kept, and spares reading spec, stack and definitions again.

A lock is good as long as not a byte changes that decided it: the spec, the lock, the shipped data
and imgforge itself.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge import assets, cache, freshness
from imgforge.files import LOCK, configs, locate
from imgforge.oci.types import canonical_json, sha256

if TYPE_CHECKING:
    from imgforge.project import Project


def check(path: Path, loaded: Project | None = None) -> None:
    """Demand that the lock of the project at ``path`` pins what its names mean; ask nobody.

    ``loaded`` is the project if it was read already. InvalidInputError names what is stale.
    """
    spec_path = locate(path)
    mark = _mark(spec_path)
    if mark is not None and mark.exists():
        return
    from imgforge import pins, project

    pins.check(loaded or project.load(spec_path))
    # What was changed meanwhile was not what was checked.
    if mark is not None and mark == _mark(spec_path):
        cache.write(mark, b"")


def is_good(spec_path: Path) -> bool:
    """Whether it is known already that the lock beside ``spec_path`` is good."""
    mark = _mark(spec_path)
    return mark is not None and mark.exists()


def _mark(spec_path: Path) -> Path | None:
    """Return the file that is there if the lock is good; None where that cannot be kept.

    That is so where a file of settings may add definitions: reading it costs what is to be spared.
    """
    if any(path.exists() for path in configs(os.environ)):
        return None
    try:
        files = [sha256(p.read_bytes()) for p in (spec_path, spec_path.resolve().parent / LOCK)]
    except OSError:
        return None
    named = os.environ.get("IMGFORGE_BASES", "")
    folders = [Path(name).expanduser() for name in named.split(os.pathsep) if name]
    folders += [assets.folder("stacks"), assets.folder("bases")]
    value = [freshness.code(), *files, assets.fingerprint(*map(Path.resolve, folders))]
    return cache.directory("locks") / sha256(canonical_json(value)).removeprefix("sha256:")
