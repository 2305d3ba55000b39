"""Where the shipped data folders (``bases``, ``stacks``, ``templates``) lie.

They stand at the top of the repository for the people who read them and inside the wheel under
``imgforge/_assets``. An editable install does not copy them, so a checkout serves its own.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Literal

from imgforge.errors import ImgforgeError

Folder = Literal["bases", "stacks", "templates"]


@functools.cache
def folder(name: Folder) -> Path:
    """Return the directory that holds the shipped ``name``; ImgforgeError if there is none."""
    package = Path(__file__).resolve().parent
    packaged = package / "_assets" / name
    if packaged.is_dir():
        return packaged
    checkout = package.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / name).is_dir():
        return checkout / name
    raise ImgforgeError(f"this installation of imgforge lacks its {name} folder", hint="reinstall")


@functools.cache
def fingerprint(*folders: Path) -> str:
    """Digest over the names and contents of all files in ``folders``, taken once."""
    total = hashlib.sha256()
    for folder_ in folders:
        for path in sorted(p for p in folder_.rglob("*") if p.is_file()):
            total.update(f"{path.relative_to(folder_)}\0".encode())
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return "sha256:" + total.hexdigest()
