"""The bases that a plan needs, as layouts on this machine."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge import bases, files, lock
from imgforge.bases import trust
from imgforge.console import Say
from imgforge.plan import Base

if TYPE_CHECKING:
    from imgforge.oci.types import Platform
    from imgforge.policy.bounds import Policy


def layouts_of(
    root: Path, needed: Collection[Base], policy: Policy, *, offline: bool, say: Say
) -> dict[str, Path]:
    """Return the layouts by pin, if ``policy`` lets them be used, whatever the lock has of them.

    ``root`` is the project's folder. Where no list bounds bases, one that was made here and is held
    needs no look into the lock. Raises what :func:`imgforge.bases.ensure_all`,
    :func:`imgforge.bases.trust.permit` and :func:`imgforge.bases.trust.demand` raise.
    """
    found: dict[str, Path] = {}
    for base in needed:
        if not policy.bases.allow and base.reference == f"imgforge/{base.name}":
            held = bases.held(base.digest)
            if held is not None:
                trust.check_title(base.name, base.digest)
                found[base.digest] = held
    lacking = {base.digest for base in needed} - found.keys()
    if lacking:
        locked = lock.read(root / files.LOCK)
        pinned = [b for b in (locked.runtime, locked.builder) if b]
        if policy.bases.allow:
            # The list is asked of both, whichever of them this engine takes.
            for each in pinned:
                trust.permit(each.name, policy, trust.names(each))
        pinned = [b for b in pinned if b.digest in lacking]
        for each in pinned:
            trust.demand(each, policy, offline=offline, say=say)
        paths = bases.ensure_all(pinned, offline=offline, say=say)
        found |= {base.digest: path for base, path in zip(pinned, paths, strict=True)}
    return {base.pin: found[base.digest] for base in needed}


def layers_of(layout: Path, platform: Platform) -> tuple[str, ...]:
    """Return the digests of the uncompressed layers of the base in ``layout``, lowest first.

    Empty if it has no image for ``platform``; CorruptLayoutError if it cannot be read.
    """
    from imgforge.oci.layout import Layout, references

    held = Layout.open(layout)
    for top in held.index():
        for image in held.images(top):
            own = image.platform
            if own is None or (own.os, own.architecture) == (platform.os, platform.architecture):
                config = held.read_json(references(held.read_json(image))[0])
                return tuple(config["rootfs"]["diff_ids"])
    return ()
