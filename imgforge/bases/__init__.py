"""Base images made from distribution packages: no root, no daemon, no registry.

A definition (``bases/NAME.toml``) says what a base holds; :func:`resolve` turns its name into a
pin, :func:`ensure` turns the pin into an OCI layout. Everything between a signed archive and the
layout is a function of the lock, so a base made again anywhere has the digest that was locked.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge import cache
from imgforge.errors import BuildFailedError, InvalidInputError
from imgforge.lock import LockedBase
from imgforge.oci.types import Platform

if TYPE_CHECKING:
    from imgforge.bases.archive import Offer
    from imgforge.bases.definitions import Definition
    from imgforge.policy.bounds import Policy

__all__ = [
    "definition",
    "ensure",
    "ensure_all",
    "held",
    "look",
    "make",
    "named_now",
    "names",
    "registry_reference",
    "resolve",
]


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
    against: tuple[str, ...] = (),
    policy: Policy | None = None,
    instead_of: str = "",
    say: Callable[[str], None],
) -> LockedBase:
    """Resolve ``name`` (plus system ``packages`` on top) for ``platforms``, over the network.

    ``name`` is a definition's or a registry's, with tag or digest. Builds or pulls the base into
    the cache on the way, since only its bytes give the digest. ``policy`` (None: the default one)
    bounds what may be used. A registry's base must keep the contract of the definition that names
    it, or of the one called ``instead_of``. Raises InvalidInputError (no such base, package,
    platform or keyring, or the policy forbids it), RegistryError or TransientError (the archive),
    BuildFailedError (this machine cannot make it, the contract is broken), EvidenceError (a
    registry's base is not signed as the policy demands).
    """
    policy = _bounds(policy)
    reference = registry_reference(name)
    if not reference:
        offer = look(name, platforms, packages=packages, against=against, policy=policy, say=say)
        return make(offer.base, say=say)
    if packages or against:
        raise InvalidInputError(f"packages cannot be added to {name}, a base from a registry")
    from imgforge.bases import pulled
    from imgforge.bases.definitions import chain

    if reference != name:
        return pulled.resolve(name, reference, platforms, policy, say, contract=chain(name))
    promised = chain(instead_of) if instead_of and "/" not in instead_of else ()
    return pulled.resolve(name, reference, platforms, policy, say, contract=promised)


def _bounds(policy: Policy | None) -> Policy:
    from imgforge.policy.bounds import Policy

    return Policy() if policy is None else policy


def registry_reference(name: str) -> str:
    """Return what names the base in a registry; empty if it is made of packages."""
    from imgforge.bases import definitions

    if "/" in name:
        return name
    return definitions.find(name)[0].registry or ""


def named_now(reference: str, *, say: Callable[[str], None]) -> str:
    """Return the digest that a reference names in its registry now, or names itself."""
    from imgforge.oci import mirrors
    from imgforge.oci.reference import Reference

    named = Reference.parse(reference)
    if named.digest is not None:
        return named.digest
    (top, _), _ = mirrors.ask(named, lambda registry: registry.resolve(), say)
    return top.digest


def look(
    name: str,
    platforms: tuple[Platform, ...],
    *,
    packages: tuple[str, ...] = (),
    against: tuple[str, ...] = (),
    policy: Policy | None = None,
    say: Callable[[str], None],
) -> Offer:
    """Return what a base made of packages would hold today; nothing is made, digests are empty.

    ``against`` are libraries that are compiled against: they go on top as ``packages`` do, with
    their headers (:mod:`imgforge.bases.counterparts`). Raises what :func:`resolve` does, as far as
    the archives and the policy give cause for it.
    """
    from imgforge.bases import archive, layers, sources, trust
    from imgforge.bases.definitions import chain

    trust.permit(name, _bounds(policy))
    for platform in platforms:
        layers.architecture(platform)

    definitions = chain(name, packages=bool(packages or against))
    platforms = layers.needed(definitions, platforms)
    ends = definitions[-1].end_of_life
    if ends < dt.datetime.now(dt.UTC).date():
        say(f"warning: base {name} has had no security support since {ends}")
    found = sources.find(definitions[-1].suite_name)
    return archive.resolve(name, definitions, platforms, packages, found, say, against)


def make(base: LockedBase, *, say: Callable[[str], None]) -> LockedBase:
    """Make ``base`` in the cache out of its packages; return it with the digests it has."""
    from imgforge.bases import fit, image, sources

    definitions = fit.chain(base)
    roots = functools.partial(sources.find, definitions[-1].suite_name)
    return image.make(base, definitions, sources=roots, offline=False, say=say)


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
    return remade(base, offline=offline, say=say)


def ensure_all(
    wanted: Sequence[LockedBase], *, offline: bool = False, say: Callable[[str], None]
) -> list[Path]:
    """Do as :func:`ensure` for several; ``offline``, what is missing of all is said at once."""
    found, missing = [], []
    for base in wanted:
        try:
            found.append(ensure(base, offline=offline, say=say))
        except BuildFailedError as error:
            if not offline:
                raise
            missing.append(error)
    if len(missing) == 1:
        raise missing[0]
    if missing:
        raise BuildFailedError(
            f"{len(missing)} bases are not in the cache and this run is offline",
            details=[line for e in missing for line in (e.message, *e.details)],
            hint=missing[0].hint,
        )
    return found


def held(digest: str) -> Path | None:
    """Return the layout of the base with this index digest if it was made here and is cached.

    A registry's base does not count: whether it may be used is the policy's question.
    """
    from imgforge.bases.cached import complete, is_made

    path = cache.directory("bases") / digest.removeprefix("sha256:")
    ours = cache.used(path) and is_made(path)
    return path if ours and complete(path, digest) else None


def remade(base: LockedBase, *, offline: bool, say: Callable[[str], None]) -> Path:
    """Do as :func:`ensure` for a base of packages, but make it of its layers even if it is there.

    So what the lock says of it is known to be true, and not only that the digest is held.
    """
    from imgforge.bases import fit, image, layers, sources

    definitions = fit.chain(base)
    if not fit.is_defined(base, definitions):
        raise BuildFailedError(
            f"base {base.name} was locked with another definition of it",
            hint="this imgforge defines it anew; lock again with: imgforge lock",
        )
    if offline:
        lacking = layers.missing(definitions, base.platforms)
        if lacking:
            raise BuildFailedError(
                f"base {base.name} must be made, offline, and {len(lacking)} files are not in the "
                "cache",
                details=lacking,
                hint="run once with network access, or bring them: imgforge lock --import SOURCE",
            )
    say(f"making base {base.name} again from its locked packages")
    roots = functools.partial(sources.find, definitions[-1].suite_name, base.archives)
    made = image.make(base, definitions, sources=roots, offline=offline, say=say)
    if made.digest != base.digest:
        raise BuildFailedError(
            f"base {base.name}, made again from the locked packages, differs from the lock",
            details=[f"locked {base.digest}", f"made   {made.digest}"],
            hint=f"this imgforge may pack differently; see: imgforge lock --upgrade {base.name}",
        )
    return cache.directory("bases") / base.digest.removeprefix("sha256:")
