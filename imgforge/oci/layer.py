"""Deterministic layers: tar entries in, one compressed and hashed blob out, as a stream.

Compression is libdeflate's (package ``deflate``, pinned exactly), in gzip members of 4 MiB: fast,
the same bytes on every CPU, and no dependence on the zlib an interpreter was linked with.
Every entry has mtime = the build's epoch, no names of users, and PAX headers only where a path
needs them.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from imgforge.oci.layout import Layout
from imgforge.oci.types import LAYER_GZIP, Descriptor

MEMBER = 4 << 20
LEVEL = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """One file system object of a layer. ``path`` is relative, without a leading ``./``.

    Exactly one of ``data``, ``source`` (a file to stream, its ``size`` known), ``link`` (symbolic
    link target) is given for a file or link; none for a directory.
    """

    path: str
    mode: int
    uid: int = 0
    gid: int = 0
    data: bytes | None = None
    source: Path | None = None
    link: str | None = None

    @property
    def is_directory(self) -> bool:
        """Whether this entry is a directory."""
        return self.data is None and self.source is None and self.link is None


@dataclass(frozen=True, slots=True)
class Layer:
    """A stored layer: its blob's descriptor and the digest of its uncompressed tar."""

    descriptor: Descriptor
    diff_id: str


def write_layer(layout: Layout, entries: Iterable[Entry], *, epoch: int) -> Layer:
    """Write ``entries`` in the order given into ``layout``; memory use is one gzip member.

    Raises OSError if a source file cannot be read or changes its size underway.
    """
    raise NotImplementedError
