"""Whether a locked base still is what its name means here; nothing outside is asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from packaging.utils import canonicalize_name

from imgforge.bases import definitions, registry_reference
from imgforge.bases.definitions import PACKAGES, Definition
from imgforge.lock import LockedBase, LockedLayer
from imgforge.oci.reference import Reference
from imgforge.oci.types import Platform

CHANGED = "its definition changed since it was locked"


def chain(base: LockedBase) -> tuple[Definition, ...]:
    """Return the definitions that ``base`` was made of, as they are today."""
    return definitions.chain(base.name, packages=_has_packages(base))


def is_defined(base: LockedBase, today: Sequence[Definition]) -> bool:
    """Whether ``base`` was locked with just these definitions, lowest first."""
    same = bool(base.platforms) and definitions.digest(today) == base.definition
    return same and all(
        len(p.layers) == len(today)
        and all(_is_of(layer, d, p.platform) for layer, d in zip(p.layers, today, strict=True))
        for p in base.platforms
    )


def _is_of(layer: LockedLayer, definition: Definition, platform: Platform) -> bool:
    """Whether a locked layer has what ``definition`` names besides packages, and nothing else."""
    arch = platform.architecture
    npm = [(name, n.version) for n in definition.npm if (name := n.named(arch))]
    wheels = [canonicalize_name(w.requirement) for w in definition.wheel]
    return (
        layer.name == definition.name
        and [canonicalize_name(w.name) for w in layer.wheels] == wheels
        and len(layer.tarballs) == len(npm)
        and all(
            t.name == name and f"{t.version}.".startswith(f"{version}.")
            for t, (name, version) in zip(layer.tarballs, npm, strict=True)
        )
    )


def misfits(
    base: LockedBase, name: str, platforms: Collection[Platform], *, packages: bool
) -> list[str]:
    """Say why ``base`` is no pin of ``name`` for ``platforms``; empty if it is one.

    ``packages`` says whether system packages are wanted on top. InvalidInputError if nothing has
    that name any more.
    """
    if base.name != name:
        return [f"{base.name} was locked, {name} is wanted"]
    found = []
    # More platforms than are wanted do no harm, and one may be needed to make another.
    lacking = set(platforms) - {p.platform for p in base.platforms}
    if lacking:
        found.append(f"it was not locked for {', '.join(map(str, sorted(lacking)))}")
    reference = registry_reference(name)
    if reference and base.source == "registry":
        return found + _moved(base, Reference.parse(reference))
    if reference or base.source == "registry":
        return [*found, "it now comes from " + (reference or "distribution packages")]
    if packages != _has_packages(base):
        found.append(f"it was locked {'without' if packages else 'with'} system packages on top")
    elif not is_defined(base, chain(base)):
        found.append(CHANGED)
    return found


def _has_packages(base: LockedBase) -> bool:
    return any(layer.name == PACKAGES for p in base.platforms for layer in p.layers[-1:])


def _moved(base: LockedBase, wanted: Reference) -> list[str]:
    """Say how ``wanted`` names something else than what was locked."""
    if Reference.parse(base.reference).name != wanted.name:
        return [f"locked from {base.reference}, wanted from {wanted.name}"]
    if wanted.digest is not None:
        known = wanted.digest in {base.digest, base.upstream}
        return [] if known else [f"{wanted.digest} is wanted, another digest was locked"]
    tag = wanted.tag or "latest"
    return [] if tag == base.tag else [f"tag {tag} is wanted, {base.tag or 'none'} was locked"]
