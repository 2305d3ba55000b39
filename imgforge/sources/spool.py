"""What comes as a stream, kept for a while in a file without a name: none can be left behind."""

from __future__ import annotations

import os
import tempfile
from typing import IO, Final

from imgforge import cache
from imgforge.console import Meter
from imgforge.oci.layout import CorruptLayoutError

_PACKED: Final = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")
_OTHERS: Final = {b"\xfd7zXZ\0": "xz", b"BZh": "bzip2", b"PK\x03\x04": "zip"}


def scratch() -> IO[bytes]:
    """Open an empty file of this user's alone, on the cache's disk: memory is not meant for it."""
    return tempfile.TemporaryFile(dir=cache.directory("spool"))


def is_packed(file: IO[bytes], place: str) -> bool:
    """Whether ``file`` is gzip or zstd; CorruptLayoutError for a compression that is not read."""
    head = file.read(6)
    file.seek(0)
    for magic, kind in _OTHERS.items():
        if head.startswith(magic):
            raise CorruptLayoutError(
                f"{place} is compressed with {kind}", hint="plain, gzip and zstd archives are read"
            )
    return head.startswith(_PACKED)


def inflate(packed: IO[bytes], plain: IO[bytes], place: str, meter: Meter) -> None:
    """Decompress one file into another; CorruptLayoutError if it is broken or grows too far."""
    from imgforge.analysis.blob import Blob, Limits

    size = packed.seek(0, os.SEEK_END)
    packed.seek(0)
    blob = Blob(packed, size, Limits())
    for piece in blob.pieces():
        plain.write(piece)
        meter.add(len(piece))
    plain.flush()
    if blob.problem is not None:
        raise CorruptLayoutError(
            f"{place} is corrupt after {plain.tell()} bytes of its content: {blob.problem.detail}"
        )
