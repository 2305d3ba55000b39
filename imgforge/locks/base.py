"""``imgforge.lock``: what a base was made of, on one platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from imgforge.files import LOCK
from imgforge.locks.locked import Entry, Locked
from imgforge.locks.names import pypi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgforge.lock import LockedBase
    from imgforge.oci.types import Platform

FILE: Final = LOCK


def entries(base: LockedBase, platform: Platform) -> Locked:
    """Return what the layers of ``base`` were made of, lowest first; of a registry's, nothing.

    A base that is not locked for ``platform`` has no entries: whoever builds says so.
    """
    layers = [
        layer
        for locked in base.platforms
        if (locked.platform.os, locked.platform.architecture)
        == (platform.os, platform.architecture)
        for layer in locked.layers
    ]
    found: list[Entry] = []
    for layer in layers:
        found += (
            Entry(
                *("deb", p.name, p.version),
                hashes=(f"sha256:{p.sha256}",),
                architecture=p.architecture,
            )
            for p in layer.packages
        )
        # The hash is that of the one file which the base takes out of it.
        found += (
            Entry("pypi", pypi(w.name), w.version, hashes=(f"sha256:{w.sha256}",))
            for w in layer.wheels
        )
        found += (_tarball(t.name, t.version, t.sha256) for t in layer.tarballs)
    return Locked(FILE, tuple(_once(found)))


def _tarball(name: str, version: str, sha256: str) -> Entry:
    scope, _, last = name.rpartition("/")
    return Entry("npm", last, version, namespace=scope, hashes=(f"sha256:{sha256}",))


def _once(found: list[Entry]) -> Iterator[Entry]:
    """Yield each package once: where layers bring it anew, the uppermost counts."""
    last = {(e.ecosystem, e.title, e.architecture): e for e in found}
    yield from last.values()
