"""The inventory of an image that was read, joined with what its project declares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imgforge.analysis import osrelease
from imgforge.analysis.facts import ImageFacts, Package
from imgforge.analysis.installed import SYSTEMS, unowned
from imgforge.inventory.component import Component, Inventory, Part, Scope, System
from imgforge.inventory.declared import Declared, Target
from imgforge.inventory.edges import needs
from imgforge.inventory.matching import Match, distributed, identity, matches, owners
from imgforge.inventory.tools import tools


def of(
    image: ImageFacts, declared: Declared | None = None, *, base: Sequence[str] = ()
) -> Inventory:
    """Return what is in ``image``; with ``declared`` also whose part it is and which lock has it.

    Without it nobody knows where the base ends, and the parts are empty; unless ``base`` has the
    digests of the base's uncompressed layers (:func:`imgforge.inventory.standing.base_of`).
    """
    packages = tuple(_once(image))
    own = system(image)
    parts: list[Part] = _parts(
        image, packages, declared or Declared(Target(image.platform), layers=tuple(base))
    )
    found: Sequence[Match] = [Match()] * len(packages)
    if declared is not None:
        owned = owners(image, packages, below(image, declared.layers))
        found = matches(packages, parts, declared, owned)
    distributors = distributed(image, packages)
    bare = [
        Component(
            package,
            part or _part(match),
            _scope(package, match),
            _line(match),
            owner=distributors.get(package.paths[0], "")
            if package.ecosystem not in SYSTEMS
            else "",
        )
        for package, part, match in zip(packages, parts, found, strict=True)
    ]
    refs = [component.ref for component in bare]
    edges = needs(image, packages, refs, found)
    whole = {
        ref: component._replace(needs=own_needs)
        for ref, component, own_needs in zip(refs, bare, edges, strict=True)
    }
    return Inventory(
        digest=image.digest,
        platform=image.platform,
        system=own,
        layers=tuple(layer.digest for layer in image.layers),
        components=tuple(whole[ref] for ref in sorted(whole)),
        tools=tools(declared, own) if declared is not None else (),
        files=unowned(image),
    )


def _once(image: ImageFacts) -> Iterator[Package]:
    """Yield each package once: several records may speak of one at the same place."""
    seen: set[tuple[str, tuple[str, ...], str]] = set()
    for package in image.packages:
        key = package.purl, package.paths, package.inside
        if key not in seen:
            seen.add(key)
            yield package


def system(image: ImageFacts) -> System | None:
    """Return the distribution that the image says it is, or None."""
    said = osrelease.of(image)
    if not said.get("ID"):
        return None
    return System(said["ID"], said.get("VERSION_ID", ""), said.get("VERSION_CODENAME", ""))


def below(image: ImageFacts, layers: Sequence[str]) -> int:
    """Return how many layers of ``image`` are the base's: all of its ``layers``, or 0."""
    own = [layer.diff_id for layer in image.layers[: len(layers)]]
    return len(layers) if own == list(layers) else 0


def _parts(image: ImageFacts, packages: Sequence[Package], declared: Declared) -> list[Part]:
    count = below(image, declared.layers)
    base = {layer.digest for layer in image.layers[:count]}
    # Where the base's layers are not the lowest (a squashed image), only what it is known to have
    # is its part, and nobody knows of the rest.
    other: Part = "app" if count else ""
    known = frozenset() if count else declared.known
    return ["base" if p.layer in base or identity(p) in known else other for p in packages]


def _part(match: Match) -> Part:
    if match.entry is None:
        return ""
    return "base" if match.role == "base" else "app"


def _scope(package: Package, match: Match) -> Scope:
    scope = match.entry.scope if match.entry is not None else "required"
    if package.dev:
        return "dev"
    return "required" if scope == "build" else scope


def _line(match: Match) -> str:
    """Name the line that lists a package, as ``requirements.txt:12``."""
    if match.locked is not None and match.own:
        return match.locked.path
    if match.entry is None or match.locked is None:
        return ""
    path, entry = match.locked.path, match.entry
    if match.role == "base":
        return f"{path} runtime {entry.title}"
    return f"{path}:{entry.line}" if entry.line else path
