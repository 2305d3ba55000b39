"""Base images made from distribution packages: no root, no daemon, no registry.

A definition (``bases/NAME.toml``) says what a base holds; :func:`resolve` turns its name into a
pin, :func:`ensure` turns the pin into an OCI layout.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from imgforge.lock import LockedBase
from imgforge.oci.types import Platform


def resolve(
    name: str,
    platforms: tuple[Platform, ...],
    *,
    packages: tuple[str, ...] = (),
    say: Callable[[str], None],
) -> LockedBase:
    """Resolve ``name`` (plus system ``packages`` on top) for ``platforms``, over the network.

    Builds the base into the cache on the way, since only its bytes give the digest.
    """
    raise NotImplementedError


def ensure(base: LockedBase, *, offline: bool = False, say: Callable[[str], None]) -> Path:
    """Return an OCI layout directory whose ``index.json`` lists exactly ``base.digest``.

    Instant when it is in the cache; else the base is made again from the locked packages, and
    BuildFailedError says so if its digest is not the locked one.
    """
    raise NotImplementedError
