"""Finished bases in the cache: one layout a base, named by the digest of its index."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

from imgforge import cache
from imgforge.errors import InvalidInputError
from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor


def place(staging: Path, digest: str) -> Path:
    """Give the finished layout ``staging`` its name beside it, unless it is there already."""
    target = staging.parent / digest.removeprefix("sha256:")
    staging.chmod(0o755)
    # A directory can be renamed only over an empty one: another process's work stays.
    with contextlib.suppress(OSError):
        return staging.rename(target)
    if not (cache.used(target) and complete(target, digest)):
        shutil.rmtree(target, ignore_errors=True)
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


def write_out(source: Layout, top: Descriptor, target: Path) -> None:
    """Write ``top`` as a layout at ``target``: a new folder whole, an old layout's index at once.

    InvalidInputError if something else stands there.
    """
    if (target / "oci-layout").is_file():
        _fill(Layout.open(target), source, top).prune()
        return
    if target.is_symlink() or (target.exists() and not _is_empty(target)):
        raise InvalidInputError(f"{target} is no OCI layout", hint="name another folder")
    target = target.absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
        _fill(Layout.create(Path(folder, "new")), source, top).path.rename(target)


def _fill(layout: Layout, source: Layout, top: Descriptor) -> Layout:
    layout.import_image(source, top)
    layout.write_index([top])
    return layout


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())
