"""Digests of files in a layer: what its facts leave out, read when two images are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Final

from imgforge.analysis.blob import Blob, Limits, ahead
from imgforge.analysis.facts import FILE
from imgforge.analysis.tar import Archive
from imgforge.oci.layout import CorruptLayoutError

_PIECE: Final = 1 << 20


def digests(path: Path, digest: str, wanted: Collection[str]) -> dict[str, str]:
    """Return the sha256 digests of the ``wanted`` regular files of the layer at ``path``.

    Paths are those of :class:`imgforge.analysis.facts.Entry`; of two members of one name the last
    counts. Raises CorruptLayoutError if the blob is not ``digest``, OSError if it cannot be read.
    """
    limits = Limits()
    found = {}
    with path.open("rb", buffering=0) as file:
        blob = Blob(file, path.stat().st_size, limits)
        archive = Archive(ahead(blob.pieces()), limits)
        for member in archive:
            name = member.name.decode(errors="surrogateescape").strip("/")
            name = "/".join(part for part in name.split("/") if part not in {"", "."})
            if member.kind == FILE and name in wanted:
                total = hashlib.sha256()
                while piece := archive.read(_PIECE):
                    total.update(piece)
                found[name] = total.hexdigest()
    if blob.digest != digest or blob.problem or archive.problems:
        raise CorruptLayoutError(f"the layer {digest} cannot be read")
    return found
