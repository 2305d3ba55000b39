"""Bases from a registry: pinned by digest, pulled into the same cache as those made here."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from imgforge import cache
from imgforge.bases.cached import place
from imgforge.errors import BuildFailedError, InvalidInputError, RegistryError
from imgforge.lock import LockedBase, LockedPlatform
from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor, Platform

_REFERENCE = re.compile(r"([^@\s]+/[^@\s]+)@(sha256:[0-9a-f]{64})")


def resolve(
    reference: str, platforms: Iterable[Platform], say: Callable[[str], None]
) -> LockedBase:
    """Pull ``registry/repository@sha256:…`` and lock it for ``platforms``.

    InvalidInputError if the reference is malformed or has no image for a platform; RegistryError
    and TransientError as the registry gives cause for.
    """
    match = _REFERENCE.fullmatch(reference)
    if not match:
        raise InvalidInputError(
            f"not a pinned reference: {reference!r}", hint="write it as registry/name@sha256:…"
        )
    layout = Layout(_pull(match[1], match[2], say))
    (top,) = layout.index()
    images = layout.images(top)
    created = dt.datetime.fromtimestamp(0, dt.UTC)
    locked = []
    for platform in sorted(platforms):
        found = next((d for d in images if _fits(layout, d, platform)), None)
        if found is None:
            raise InvalidInputError(f"{reference} has no image for {platform}")
        locked.append(LockedPlatform(platform, found.digest, ()))
        created = max(created, _created(layout, found))
    epoch = int(created.timestamp())
    return LockedBase(reference, "registry", match[1], match[2], epoch, "", (), tuple(locked))


def ensure(base: LockedBase, *, offline: bool, say: Callable[[str], None]) -> Path:
    """Pull ``base`` into the cache; BuildFailedError when ``offline``."""
    if offline:
        raise BuildFailedError(f"base {base.name} is not in the cache and this run is offline")
    return _pull(base.reference, base.digest, say)


def _pull(repository: str, digest: str, say: Callable[[str], None]) -> Path:
    from imgforge.oci import registry

    say(f"pulling {repository}@{digest}")
    staging = Path(tempfile.mkdtemp(prefix=".incoming-", dir=cache.directory("bases")))
    try:
        layout = Layout.create(staging)
        top = registry.pull(repository, digest, layout)
        if top.digest != digest:
            raise RegistryError(f"{repository} gave {top.digest} for {digest}")
        layout.write_index([top])
        return place(staging, digest)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _config(layout: Layout, image: Descriptor) -> dict[str, object]:
    return layout.read_json(Descriptor.from_json(layout.read_json(image).get("config")))


def _fits(layout: Layout, image: Descriptor, platform: Platform) -> bool:
    named: object = image.platform.to_json() if image.platform else _config(layout, image)
    if not isinstance(named, dict):
        return False
    same = (named.get("os"), named.get("architecture")) == (platform.os, platform.architecture)
    # arm64 has only v8, which some name and some do not.
    both = {named.get("variant") or "", platform.variant}
    return same and (len(both) == 1 or (platform.architecture == "arm64" and both == {"", "v8"}))


def _created(layout: Layout, image: Descriptor) -> dt.datetime:
    text = _config(layout, image).get("created")
    try:
        found = dt.datetime.fromisoformat(text if isinstance(text, str) else "")
    except ValueError:
        return dt.datetime.fromtimestamp(0, dt.UTC)
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
