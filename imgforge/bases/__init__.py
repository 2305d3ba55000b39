"""Base images made from distribution packages: no root, no daemon, no registry.

A definition (``bases/NAME.toml``) says what a base holds; :func:`resolve` turns its name into a
pin, :func:`ensure` turns the pin into an OCI layout. Everything between a signed archive and the
layout is a function of the lock, so a base made again anywhere has the digest that was locked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge import cache
from imgforge.errors import BuildFailedError, InvalidInputError
from imgforge.lock import LockedBase
from imgforge.oci.types import Platform

if TYPE_CHECKING:
    from imgforge.bases.definitions import Definition

__all__ = ["definition", "ensure", "held", "names", "resolve", "resolve_registry"]


def names() -> tuple[str, ...]:
    """Return the names of all shipped bases, sorted."""
    from imgforge.bases import definitions

    return definitions.names()


def definition(name: str) -> Definition:
    """Return one base's definition; InvalidInputError if there is none or it is not valid."""
    from imgforge.bases import definitions

    return definitions.load(name)


def resolve(
    name: str,
    platforms: tuple[Platform, ...],
    *,
    packages: tuple[str, ...] = (),
    say: Callable[[str], None],
) -> LockedBase:
    """Resolve ``name`` (plus system ``packages`` on top) for ``platforms``, over the network.

    ``name`` is a definition's or ``registry/repository@sha256:…``. Builds the base into the cache
    on the way, since only its bytes give the digest. Raises InvalidInputError (no such base,
    package, platform or mirror), ToolMissingError (gpgv), RegistryError or TransientError (the
    archive), BuildFailedError (this machine cannot make it).
    """
    if "@" in name:
        if packages:
            raise InvalidInputError(f"packages cannot be added to {name}, a base from a registry")
        return resolve_registry(name, platforms, say=say)
    from imgforge.bases import archive, image, layers, sources
    from imgforge.bases.definitions import chain

    for platform in platforms:
        layers.architecture(platform)
    definitions = chain(name, packages=bool(packages))
    ends = definitions[-1].end_of_life
    if ends < dt.datetime.now(dt.UTC).date():
        say(f"warning: base {name} has had no security support since {ends}")
    found = sources.find()
    base = archive.resolve(name, definitions, platforms, packages, found, say)
    return image.make(base, definitions, sources=lambda: found, offline=False, say=say)


def resolve_registry(
    reference: str, platforms: tuple[Platform, ...], *, say: Callable[[str], None]
) -> LockedBase:
    """Pin ``registry/repository@sha256:…`` and pull it into the cache."""
    from imgforge.bases import pulled

    return pulled.resolve(reference, platforms, say)


def ensure(base: LockedBase, *, offline: bool = False, say: Callable[[str], None]) -> Path:
    """Return an OCI layout directory whose ``index.json`` lists exactly ``base.digest``.

    Instant when it is in the cache; else the base is made again from the locked packages alone (or
    pulled by digest), and BuildFailedError says so if its digest is not the locked one.
    """
    found = held(base.digest)
    if found is not None:
        return found
    path = cache.directory("bases") / base.digest.removeprefix("sha256:")
    if base.source == "registry":
        from imgforge.bases import pulled

        return pulled.ensure(base, offline=offline, say=say)
    return _rebuilt(base, path, offline=offline, say=say)


def held(digest: str) -> Path | None:
    """Return the layout of the base with this index digest if the cache has it."""
    from imgforge.bases.cached import complete

    path = cache.directory("bases") / digest.removeprefix("sha256:")
    return path if cache.used(path) and complete(path, digest) else None


def _rebuilt(base: LockedBase, path: Path, *, offline: bool, say: Callable[[str], None]) -> Path:
    from imgforge.bases import image, sources
    from imgforge.bases.definitions import PACKAGES, chain, digest

    locked = {tuple((x.name, len(x.wheels)) for x in p.layers) for p in base.platforms}
    added = any(layers[-1:] == ((PACKAGES, 0),) for layers in locked)
    definitions = chain(base.name, packages=added)
    defined = tuple((d.name, len(d.wheel)) for d in definitions)
    if digest(definitions) != base.definition or locked != {defined}:
        raise BuildFailedError(
            f"base {base.name} was locked with another definition of it",
            hint="this imgforge defines it anew; lock again with: imgforge lock",
        )
    say(f"making base {base.name} again from its locked packages")
    made = image.make(base, definitions, sources=sources.find, offline=offline, say=say)
    if made.digest != base.digest:
        raise BuildFailedError(
            f"base {base.name}, made again from the locked packages, differs from the lock",
            details=[f"locked {base.digest}", f"made   {made.digest}"],
            hint="this imgforge may pack differently; lock again with: imgforge lock",
        )
    return path
