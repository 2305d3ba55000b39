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
    from imgforge.policy import Policy

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
    policy: Policy | None = None,
    say: Callable[[str], None],
) -> LockedBase:
    """Resolve ``name`` (plus system ``packages`` on top) for ``platforms``, over the network.

    ``name`` is a definition's or a registry's, with tag or digest. Builds or pulls the base into
    the cache on the way, since only its bytes give the digest. ``policy`` (None: the default one)
    bounds what may be used. Raises InvalidInputError (no such base, package, platform or mirror,
    or the policy forbids it), ToolMissingError (gpgv), RegistryError or TransientError (the
    archive), BuildFailedError (this machine cannot make it), EvidenceError (a registry's base is
    not signed as the policy demands).
    """
    from imgforge.bases import trust

    if policy is None:
        from imgforge.policy import Policy

        policy = Policy()
    if "/" in name:
        if packages:
            raise InvalidInputError(f"packages cannot be added to {name}, a base from a registry")
        return resolve_registry(name, platforms, policy=policy, say=say)
    from imgforge.bases import archive, image, layers, sources
    from imgforge.bases.definitions import abi, chain, find

    definitions = chain(name, packages=bool(packages))
    platforms = layers.needed(definitions, platforms)
    ends = definitions[-1].end_of_life
    if ends < dt.datetime.now(dt.UTC).date():
        say(f"warning: base {name} has had no security support since {ends}")
    registry = find(name)[0].registry
    if registry is not None:
        if packages:
            raise InvalidInputError(f"packages cannot be added to {name}: it is {registry}")
        line = abi(definitions)
        return resolve_registry(registry, platforms, policy=policy, say=say, name=name, abi=line)
    trust.permit(name, policy)
    for platform in platforms:
        layers.architecture(platform)
    found = sources.find()
    base = archive.resolve(name, definitions, platforms, packages, found, say)
    return image.make(base, definitions, sources=lambda: found, offline=False, say=say)


def resolve_registry(
    reference: str,
    platforms: tuple[Platform, ...],
    *,
    policy: Policy,
    say: Callable[[str], None],
    name: str | None = None,
    abi: str = "",
) -> LockedBase:
    """Pin ``registry/repository[:tag][@sha256:…]`` as ``name`` and pull it into the cache."""
    from imgforge.bases import pulled

    return pulled.resolve(name or reference, reference, platforms, policy, say, abi=abi)


def ensure(base: LockedBase, *, offline: bool = False, say: Callable[[str], None]) -> Path:
    """Return an OCI layout directory whose ``index.json`` lists exactly ``base.digest``.

    Instant when it is in the cache; else the base is made again from the locked packages alone (or
    pulled by digest), and BuildFailedError says so if its digest is not the locked one. Whether it
    may be used is :func:`imgforge.bases.trust.demand`'s question.
    """
    if base.source == "registry":
        from imgforge.bases import pulled

        return pulled.ensure(base, offline=offline, say=say)
    found = held(base.digest)
    if found is not None:
        return found
    path = cache.directory("bases") / base.digest.removeprefix("sha256:")
    return _rebuilt(base, path, offline=offline, say=say)


def held(digest: str) -> Path | None:
    """Return the layout of the base with this index digest if it was made here and is cached.

    A registry's base does not count: whether it may be used is the policy's question.
    """
    from imgforge.bases.cached import complete, origins

    path = cache.directory("bases") / digest.removeprefix("sha256:")
    return path if not origins(path) and complete(path, digest) else None


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
