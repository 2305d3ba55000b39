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

_USABLE = frozenset({("linux", "amd64"), ("linux", "arm64")})
_ORIGINS = "pulled"
"""A file in a layout from a registry: the digests, one a line, that the registry has it under.

Several images may be one when they are flattened."""


_MADE = "made"
"""A file in a layout that was made here, of packages that were verified."""


def usable(image: Descriptor) -> bool:
    """Whether an image is for a platform that imgforge builds for, or does not say.

    Others in a registry's index (and attestations, which say they run nowhere) are not brought.
    """
    platform = image.platform
    return platform is None or (platform.os, platform.architecture) in _USABLE


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
    else:
        _join(target, staging)
    return target


def mark(staging: Path, digest: str) -> None:
    """Say that the layout is of what a registry has under ``digest``, and was not made here."""
    (staging / _ORIGINS).write_text(f"{digest}\n", encoding="ascii")


def mark_made(staging: Path) -> None:
    """Say that the layout was made here."""
    (staging / _MADE).touch()


def is_made(path: Path) -> bool:
    """Whether the layout at ``path`` was made here; one that says nothing of itself was not."""
    return (path / _MADE).is_file()


def origins(path: Path) -> frozenset[str]:
    """Return the registries' digests for the layout at ``path``; none if it was only made here."""
    try:
        return frozenset((path / _ORIGINS).read_text(encoding="ascii").split())
    except FileNotFoundError:
        return frozenset()


def _join(target: Path, staging: Path) -> None:
    """Let ``target`` also be what ``staging``, of the same bytes, is: made here, or pulled."""
    if is_made(staging):
        mark_made(target)
    theirs, ours = origins(target), origins(staging)
    if not ours <= theirs:
        cache.write(target / _ORIGINS, "\n".join(sorted(ours | theirs)).encode())


def complete(path: Path, digest: str) -> bool:
    """Whether the layout at ``path`` lists exactly ``digest`` and all usable blobs are there."""
    try:
        layout = Layout(path)
        (top,) = layout.index()
        if top.digest != digest:
            return False
        for descriptor in filter(usable, layout.images(top)):
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
