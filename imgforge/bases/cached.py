"""Finished bases in the cache: one layout a base, named by the digest of its index."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from imgforge.errors import InvalidInputError
from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor

_USABLE = frozenset({("linux", "amd64"), ("linux", "arm64")})
_ORIGIN = "pulled"
"""A file beside a layout from a registry: the digest that the registry has it under."""


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
    if not complete(target, digest):
        shutil.rmtree(target)
        staging.rename(target)
    elif origin(staging) is None:
        # The same bytes, and now they were made here.
        (target / _ORIGIN).unlink(missing_ok=True)
    return target


def mark(staging: Path, digest: str) -> None:
    """Say that the layout is of what a registry has under ``digest``, and was not made here."""
    (staging / _ORIGIN).write_text(digest, encoding="ascii")


def origin(path: Path) -> str | None:
    """Return the registry's digest for the layout at ``path``; None if it was made here."""
    try:
        return (path / _ORIGIN).read_text(encoding="ascii")
    except FileNotFoundError:
        return None


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
