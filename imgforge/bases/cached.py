"""Finished bases in the cache: one layout a base, named by the digest of its index."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from imgforge.errors import InvalidInputError
from imgforge.oci.layout import Layout


def place(staging: Path, digest: str) -> Path:
    """Give the finished layout ``staging`` its name beside it, unless it is there already."""
    target = staging.parent / digest.removeprefix("sha256:")
    staging.chmod(0o755)
    # A directory can be renamed only over an empty one: another process's work stays.
    with contextlib.suppress(OSError):
        return staging.rename(target)
    if not complete(target, digest):
        shutil.rmtree(target)
        staging.rename(target)
    return target


def complete(path: Path, digest: str) -> bool:
    """Whether the layout at ``path`` lists exactly ``digest`` and all its blobs are there."""
    try:
        layout = Layout(path)
        (top,) = layout.index()
        if top.digest != digest:
            return False
        for descriptor in layout.images(top):
            manifest = layout.read_json(descriptor)
            for part in (manifest["config"], *manifest["layers"]):
                if layout.blob_path(part["digest"]).stat().st_size != part["size"]:
                    return False
    except (InvalidInputError, OSError, ValueError, KeyError, TypeError):
        return False
    return True
