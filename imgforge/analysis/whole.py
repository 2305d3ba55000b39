"""Whether a blob has the bytes that its digest names, also where its facts are known already.

What was hashed once is not hashed again while its file stays as it was: same device, inode, size
and times. A file that changed within the last moments might change once more without another
time, so nothing is noted of it.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import IO, Final

from imgforge.cache import used, write
from imgforge.oci.layout import Blobs
from imgforge.oci.types import Descriptor, sha256

SETTLED: Final = 2.0
"""Seconds after its last change until a file's times tell a further one apart."""


def is_whole(blobs: Blobs, descriptor: Descriptor, cache: Path) -> bool:
    """Whether the blob is there, of the size and digest that ``descriptor`` says."""
    try:
        with blobs.open_blob(descriptor) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            return size == descriptor.size and _matches(file, descriptor.digest, cache)
    except OSError:
        return False


def is_noted(blobs: Blobs, descriptor: Descriptor, cache: Path) -> bool:
    """Whether :func:`is_whole` was true of the blob, and its file is as it was then."""
    try:
        with blobs.open_blob(descriptor) as file:
            status = _status(file)
            if status is None or status.st_size != descriptor.size:
                return False
            return used(_note(cache, descriptor.digest, status))
    except OSError:
        return False


def _matches(file: IO[bytes], digest: str, cache: Path) -> bool:
    now = time.time()
    before = _status(file)
    note = None if before is None else _note(cache, digest, before)
    if note is not None and used(note):
        return True
    found = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    after = _status(file)
    if found != digest:
        return False
    if note is not None and after is not None and before is not None:
        settled = max(before.st_ctime, before.st_mtime) < now - SETTLED
        if settled and _note(cache, digest, after) == note:
            write(note, b"")
    return True


def _status(file: IO[bytes]) -> os.stat_result | None:
    """Return the status of a file of its own; None for a part of one."""
    try:
        return os.fstat(file.fileno())
    except OSError:
        return None


def _note(cache: Path, digest: str, status: os.stat_result) -> Path:
    parts = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    name = sha256(f"{digest} {parts}".encode()).removeprefix("sha256:")
    return cache / f"{name}.whole"
