"""The files of a stack as a mapping of paths to bytes, and the one archive they make.

A stack from outside is held in memory: it is small, and so nothing of it is on a disk before it was
judged. Paths are plain and all files are regular, whoever made them; what is not is refused, since
two systems might see two different stacks in it.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from imgforge.oci.layer import MTIME

Files = Mapping[str, bytes]
"""Path below the stack's folder, with ``/`` → content."""

MAX_FILE: Final = 1 << 20
"""Bytes of one file."""
MAX_FILES: Final = 1000
MAX_ALL: Final = 8 << 20
"""Bytes of all files."""
MAX_ARCHIVE: Final = MAX_ALL + MAX_FILES * 1024 + (16 << 10)
"""Bytes: a header and padding for each file, and the end."""
SKIPPED: Final = frozenset({".git", ".imgforge", "__pycache__"})
"""What may lie in the folder and is no part of the stack, at any depth."""

_PART: Final = re.compile(r"[A-Za-z0-9_.@+-]+")
_LONGEST: Final = 100
_NOT_NAMES: Final = frozenset({"", ".", ".."})


def of_folder(folder: Path) -> dict[str, bytes]:
    """Read a stack's folder; ValueError names what in it is no plain file, OSError what is unread.

    No symbolic link is followed, the folder itself included.
    """
    if not stat.S_ISDIR(folder.lstat().st_mode):
        raise ValueError(f"{folder.name} is no folder, or a symbolic link to one")
    found: dict[str, bytes] = {}
    size = 0
    for path, name in _walk(folder, ""):
        found[name] = _read(path, name)
        size += len(found[name])
        if size > MAX_ALL or len(found) > MAX_FILES:
            raise ValueError(f"it has over {MAX_FILES} files or {MAX_ALL >> 20} MiB")
    check(found)
    return found


def pack(files: Files) -> bytes:
    """Return the archive of ``files``: the same bytes whenever, wherever and by whomever."""
    check(files)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(data), 0o644, MTIME
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """Return the files in what :func:`pack` made; ValueError for any other archive.

    There is one archive of any files, so that nothing can hide in what readers see differently.
    """
    if len(data) > MAX_ARCHIVE:
        raise ValueError("the archive is too large")
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for entry in archive:
                if entry.type != tarfile.REGTYPE or entry.size > MAX_FILE or entry.pax_headers:
                    raise ValueError(f"{entry.name[:100]!a} is no plain file, or too large")
                reader = archive.extractfile(entry)
                found[entry.name] = reader.read() if reader is not None else b""
                if len(found) > MAX_FILES:
                    raise ValueError(f"it has over {MAX_FILES} files")
    except (tarfile.TarError, OverflowError) as error:
        raise ValueError(f"it is no archive: {error}") from error
    if pack(found) != data:
        raise ValueError("the archive is not the one that its files make")
    return found


def put(files: Files, folder: Path) -> None:
    """Write ``files`` as the new ``folder``, all at once; OSError if that cannot be done."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, data in files.items():
            path = staging / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        staging.chmod(0o755)
        staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def check(names: Iterable[str]) -> None:
    """ValueError unless every name is a plain path, and none is another in other letters."""
    known: dict[str, tuple[str, bool]] = {}
    for name in names:
        parts = name.split("/")
        if len(name) > _LONGEST or any(
            p in _NOT_NAMES or p in SKIPPED or not _PART.fullmatch(p) for p in parts
        ):
            raise ValueError(
                f"{name[:200]!a} is not a plain path of up to {_LONGEST} letters, digits and _.@+-"
            )
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            what = (path, depth == len(parts))
            if known.setdefault(path.casefold(), what) != what:
                raise ValueError(f"{path!a} and {known[path.casefold()][0]!a} are too much alike")


def _walk(folder: Path, prefix: str) -> Iterator[tuple[Path, str]]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            name = prefix + entry.name
            if entry.name in SKIPPED:
                continue
            if entry.is_dir(follow_symlinks=False):
                if name.count("/") > _LONGEST // 2:
                    raise ValueError(f"{name[:200]!a} is nested too deeply")
                yield from _walk(Path(entry.path), name + "/")
            else:
                yield Path(entry.path), name


def _read(path: Path, name: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if path.is_symlink():
            raise ValueError(f"{name!a} is a symbolic link") from error
        if stat.S_ISSOCK(path.lstat().st_mode):
            raise ValueError(f"{name!a} is no regular file") from error
        raise
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ValueError(f"{name!a} is no regular file")
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise ValueError(f"{name!a} is over {MAX_FILE >> 20} MiB")
    return data
