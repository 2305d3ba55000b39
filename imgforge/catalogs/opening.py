"""Opening a stack: what the lock pins of it, or what there is to be pinned.

Only ``imgforge lock`` looks for another version than the pinned one; everything else takes that and
demands that it is just what was pinned.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge import stack
from imgforge.catalogs import BUILTIN, releases, tree
from imgforge.catalogs.choosing import Wanted, choose, directory
from imgforge.errors import EvidenceError, InvalidInputError, RegistryError
from imgforge.lock import LockedStack
from imgforge.oci.reference import Reference

if TYPE_CHECKING:
    from imgforge.settings import Catalog
    from imgforge.stack import LoadedStack

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class How:
    """What may be done to open a stack.

    ``resolve``: whether another version than the pinned one may be looked for; ``upgrade``:
    whether it must be, though the pinned one would do. Nothing is fetched if ``offline``.
    """

    resolve: bool = False
    upgrade: bool = False
    offline: bool = False
    say: Say = lambda _: None


@dataclass(frozen=True, slots=True)
class Opened:
    """A stack, what the lock must have of it, and its files (none of imgforge's own)."""

    stack: LoadedStack
    pin: LockedStack
    files: tree.Files


class NotPinnedError(InvalidInputError):
    """The lock does not pin the stack that the spec asks for, or there is no lock."""


def open_stack(wanted: Wanted, locked: Callable[[], LockedStack | None], how: How) -> Opened:
    """Return the stack that a spec asks for; ``locked`` gives what the lock has of it.

    InvalidInputError if it is not there, is broken, or is of another version than asked for, and
    if the lock does not pin it and ``how`` lets nothing be resolved. EvidenceError if it is not
    signed as the catalog demands; further errors as :mod:`.artifact` and :mod:`.git` raise them.
    """
    catalog = choose(wanted)
    if catalog is None:
        loaded = stack.load(wanted.name)
        _demand_release(loaded, wanted, "it came with imgforge")
        pin = LockedStack(wanted.name, loaded.definition.version, BUILTIN, "builtin")
        return Opened(loaded, pin, {})
    if catalog.source == "directory":
        loaded, files, commit = directory(catalog, wanted.name)
        _demand_release(loaded, wanted, f"the catalog {catalog.name} has no other")
        pin = _pin(loaded, catalog, revision=commit)
        return Opened(loaded, pin, files)
    held = locked()
    if held is not None and not how.upgrade and not misfits(held, wanted, catalog):
        return _pinned(held, catalog, how)
    if not how.resolve:
        raise NotPinnedError(
            f"the lock does not pin the stack {wanted}",
            details=["nothing is locked"] if held is None else misfits(held, wanted, catalog),
            hint="pin it with: imgforge lock",
        )
    found = _newest(wanted, catalog, how)
    if held is not None and not misfits(held, wanted, catalog):
        _refuse_older(held, found.pin)
    return found


def stand_in(loaded: LoadedStack, wanted: Wanted) -> Opened:
    """Return a stack that is being tried in place of the one a spec names; it must be called so."""
    name, version = loaded.definition.name, loaded.definition.version
    if name != wanted.name:
        raise InvalidInputError(f"the spec names the stack {wanted.name!r}, not {name!r}")
    return Opened(loaded, LockedStack(name, version, BUILTIN, "builtin"), {})


def misfits(held: LockedStack, wanted: Wanted, catalog: Catalog) -> list[str]:
    """Say why a pin is not what a spec asks for, or what the settings have of the catalog."""
    found = []
    if (held.name, held.catalog, held.source) != (wanted.name, catalog.name, catalog.source):
        found.append(f"stack: locked {held}, wanted {catalog.name}/{wanted.name}")
    elif held.reference != _reference(catalog, wanted.name):
        found.append(
            f"stack: locked from {held.reference}, the catalog {catalog.name} has it in "
            f"{_reference(catalog, wanted.name)}"
        )
    elif not releases.allows(wanted.release, releases.version(held.version)):
        found.append(f"stack: locked {held.version}, wanted {wanted.release}")
    return found


def same(held: LockedStack | None, pin: LockedStack) -> bool:
    """Whether a lock that has ``held`` is good for ``pin``.

    Of imgforge's own stacks another version is as good until its major version changes: the lock
    could not bring back the older one, and imgforge's version is what pins it.
    """
    if held is None:
        return pin.source == "builtin"
    if pin.source == "builtin":
        major = [releases.version(each.version)[0] for each in (held, pin)]
        return (held.name, held.catalog) == (pin.name, pin.catalog) and major[0] == major[1]
    return _decides(held) == _decides(pin)


def _decides(pin: LockedStack) -> LockedStack:
    """Return what of a pin decides what is built.

    The commit that a directory's checkout stands at is not it: most commits change other things.
    """
    revision = "" if pin.source == "directory" else pin.revision
    return dataclasses.replace(pin, trust="", revision=revision)


def _pinned(held: LockedStack, catalog: Catalog, how: How) -> Opened:
    if catalog.source == "git":
        from imgforge.catalogs import git

        files = git.at(catalog, held.name, held.revision, offline=how.offline, say=how.say).files
        loaded = stack.parse(files, held.name, trusted=False)
        pin = _pin(loaded, catalog, held.revision)
    else:
        loaded, files, pin = _artifact(catalog, held.name, held.revision, how)
    if _decides(pin) != _decides(held):
        raise InvalidInputError(
            f"the lock has something else of the stack {held} than its {held.source} has",
            details=[f"locked: {held.digest}", f"found:  {pin.digest}, version {pin.version}"],
            hint="the lock was edited; make it again with: imgforge lock --upgrade stack",
        )
    return Opened(loaded, pin, files)


def _newest(wanted: Wanted, catalog: Catalog, how: How) -> Opened:
    if how.offline:
        raise InvalidInputError(
            f"the newest version of the stack {wanted} cannot be looked for offline",
            hint="leave --offline out; what a lock pins is taken from the cache without",
        )
    if catalog.source == "git":
        from imgforge.catalogs import git

        found = git.newest(catalog, wanted.name, say=how.say)
        loaded = stack.parse(found.files, wanted.name, trusted=False)
        _demand_release(loaded, wanted, f"{catalog.ref} of the catalog {catalog.name} has no other")
        return Opened(loaded, _pin(loaded, catalog, found.commit), found.files)
    version = _newest_tag(wanted, catalog)
    loaded, files, pin = _artifact(catalog, wanted.name, version, how)
    return Opened(loaded, pin, files)


def _newest_tag(wanted: Wanted, catalog: Catalog) -> str:
    from imgforge.catalogs import artifact
    from imgforge.oci.registry import Registry

    repository = _reference(catalog, wanted.name)
    with Registry(Reference.parse(repository)) as registry:
        tags = artifact.tags(registry)
    version = releases.newest(tags, wanted.release)
    if version is None:
        known = [tag for tag in tags if releases.newest([tag]) is not None]
        raise InvalidInputError(
            f"{repository} has no version {wanted.release or 'at all'}",
            hint=f"it has: {', '.join(known[:20])}"
            if known
            else "imgforge stack publish puts versions there; [[catalogs]] in the settings says "
            "where a catalog lies",
        )
    return version


def _artifact(
    catalog: Catalog, name: str, which: str, how: How
) -> tuple[LoadedStack, dict[str, bytes], LockedStack]:
    """Bring an artifact by tag or digest; it is signed as the catalog demands, or not used."""
    from imgforge.bases.trust import signed
    from imgforge.catalogs import artifact
    from imgforge.oci import registry
    from imgforge.policy.trusted import Trust

    repository = _reference(catalog, name)
    by_digest = which.startswith("sha256:")
    tagged = Reference.parse(repository).with_tag(which) if not by_digest else None
    digest = which if tagged is None else registry.resolve(str(tagged)).digest
    signer = Trust(
        repository,
        key=Path(catalog.key) if catalog.key else None,
        identity=catalog.identity,
        issuer=catalog.issuer,
        trusted_root=Path(catalog.trusted_root) if catalog.trusted_root else None,
    )
    what = f"stack {catalog.name}/{name}"
    try:
        trust = signed(what, repository, digest, signer, offline=how.offline, say=how.say)
    except EvidenceError as error:
        raise EvidenceError(
            error.message,
            details=error.details,
            hint=f"whoever holds the key signs it with imgforge stack publish; [[catalogs]] in the "
            f"settings says whose signature counts for {catalog.name}",
        ) from error
    pinned = artifact.pinned(repository, digest)
    found = artifact.fetch(pinned, offline=how.offline, say=how.say)
    loaded = stack.parse(found.files, name, trusted=False)
    version = loaded.definition.version
    if not by_digest and version != which:
        raise EvidenceError(
            f"{tagged} is version {version} of the stack, not {which}",
            hint="whoever may write to the registry moved the tag; publish the version again",
        )
    return loaded, found.files, _pin(loaded, catalog, found.digest, trust)


def _pin(loaded: LoadedStack, catalog: Catalog, revision: str = "", trust: str = "") -> LockedStack:
    name, version = loaded.definition.name, loaded.definition.version
    reference = _reference(catalog, name)
    return LockedStack(
        name, version, catalog.name, catalog.source, reference, loaded.digest, revision, trust
    )


def _reference(catalog: Catalog, name: str) -> str:
    """Return what a lock names as the place; a directory's is this machine's, and nobody else's."""
    if catalog.source == "registry":
        return f"{catalog.registry}/{name}"
    return _without_password(catalog.git) if catalog.git else ""


def _without_password(url: str) -> str:
    scheme, slashes, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{host.rpartition('@')[2]}{slash}{path}" if slashes else url


def _demand_release(loaded: LoadedStack, wanted: Wanted, why: str) -> None:
    version = loaded.definition.version
    if not releases.allows(wanted.release, releases.version(version)):
        raise InvalidInputError(
            f"the spec wants {wanted} {wanted.release}, and this is {version}",
            details=[why],
            hint="change release in [stack], or bring the catalog to that version",
        )


def _refuse_older(held: LockedStack, found: LockedStack) -> None:
    if releases.version(found.version) < releases.version(held.version):
        raise RegistryError(
            f"the newest {held.catalog}/{held.name} there is {found.version}, and "
            f"{held.version} is locked",
            hint="the catalog is behind, or something was taken away; "
            'release = "..." in [stack] goes back to it on purpose',
        )
