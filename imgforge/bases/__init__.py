"""Base images made from distribution packages: no root, no daemon, no registry.

A definition (``bases/NAME.toml``) says what a base holds; :func:`resolve` turns its name into a
pin, :func:`ensure` turns the pin into an OCI layout. Everything between a signed archive and the
layout is a function of the lock, so a base made again anywhere has the digest that was locked.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
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
    "resolve_registry",
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
    say: Callable[[str], None],
) -> LockedBase:
    """Resolve ``name`` (plus system ``packages`` on top) for ``platforms``, over the network.

    ``name`` is a definition's or ``registry/repository@sha256:…``. Builds the base into the cache
    on the way, since only its bytes give the digest. Raises InvalidInputError (no such base,
    package, platform or mirror), ToolMissingError (gpgv), RegistryError or TransientError (the
    archive), BuildFailedError (this machine cannot make it).
    """
    reference = registry_reference(name)
    if reference:
        if packages:
            raise InvalidInputError(f"packages cannot be added to {name}, a base from a registry")
        return dataclasses.replace(resolve_registry(reference, platforms, say=say), name=name)
    return make(look(name, platforms, packages=packages, say=say).base, say=say)


def registry_reference(name: str) -> str:
    """Return what names the base in a registry; empty if it is made of packages."""
    from imgforge.bases import definitions

    if "/" in name or "@" in name:
        return name
    return definitions.find(name)[0].registry or ""


def named_now(reference: str, *, say: Callable[[str], None]) -> str:
    """Return the digest that a reference names in its registry now, or names itself."""
    from imgforge.oci import registry
    from imgforge.oci.reference import Reference

    say(f"asking what {reference} is")
    return Reference.parse(reference).digest or registry.resolve(reference).digest


def look(
    name: str,
    platforms: tuple[Platform, ...],
    *,
    packages: tuple[str, ...] = (),
    say: Callable[[str], None],
) -> Offer:
    """Return what a base made of packages would hold today; nothing is made, digests are empty.

    Raises what :func:`resolve` does, as far as the archives give cause for it.
    """
    from imgforge.bases import archive, layers, sources
    from imgforge.bases.definitions import chain

    for platform in platforms:
        layers.architecture(platform)
    definitions = chain(name, packages=bool(packages))
    ends = definitions[-1].end_of_life
    if ends < dt.datetime.now(dt.UTC).date():
        say(f"warning: base {name} has had no security support since {ends}")
    return archive.resolve(name, definitions, platforms, packages, sources.find(), say)


def make(base: LockedBase, *, say: Callable[[str], None]) -> LockedBase:
    """Make ``base`` in the cache out of its packages; return it with the digests it has."""
    from imgforge.bases import fit, image, sources

    definitions = fit.chain(base)
    return image.make(base, definitions, sources=sources.find, offline=False, say=say)


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
    """Return the layout of the base with this index digest if the cache has it."""
    from imgforge.bases.cached import complete

    path = cache.directory("bases") / digest.removeprefix("sha256:")
    return path if complete(path, digest) else None


def _rebuilt(base: LockedBase, path: Path, *, offline: bool, say: Callable[[str], None]) -> Path:
    from imgforge.bases import fit, image, sources

    definitions = fit.chain(base)
    if not fit.is_defined(base, definitions):
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
            hint=f"this imgforge may pack differently; see: imgforge lock --upgrade {base.name}",
        )
    return path
