"""From the entries of a document to an inventory: what both formats' readers share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from imgforge.analysis.facts import Binary, Package
from imgforge.inventory import Component, Inventory, System
from imgforge.inventory.component import Scope
from imgforge.oci.types import Platform, is_digest
from imgforge.sbom import notes, purls
from imgforge.sbom.fields import UnfitError
from imgforge.sbom.notes import Notes
from imgforge.sbom.parts import expression

_DIGEST: Final = "sha256:"
_CHOICE: Final = re.compile(r"\bor\b", re.IGNORECASE)
_NO_BRACKETS: Final = str.maketrans("()", "[]")

Read = tuple[str, str, str, int | None, Inventory]
"""What a format's reader returns: the format, its version, then name, time and inventory."""


@dataclass(slots=True)
class Entries:
    """What a document lists, by its own identifiers, while it is read."""

    components: dict[str, Component] = field(default_factory=dict)
    tools: dict[str, Component] = field(default_factory=dict)
    files: list[Binary] = field(default_factory=list)
    systems: list[System] = field(default_factory=list)
    needs: dict[str, set[str]] = field(default_factory=dict)
    scopes: dict[str, Scope] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)

    def know(self, ref: str) -> None:
        """UnfitError if an identifier is used twice."""
        if ref in self.known:
            raise UnfitError(f"there is the identifier {ref[:80]!a} a second time")
        self.known.add(ref)


@dataclass(frozen=True, slots=True)
class About:
    """What a document says of the image as a whole."""

    digest: str = ""
    platform: Platform | None = None
    layers: tuple[str, ...] = ()


def about(version: str, purl: str, hashes: Sequence[str], said: Notes) -> About:
    """Return what a document's root says: its version, purl, hashes and notes."""
    found = [version, *(each for each in hashes if each.startswith(_DIGEST))]
    platform = None
    if purl:
        try:
            image = purls.parse(purl)
        except ValueError:
            image = purls.Purl("", "", "", "")
        if image.kind in purls.IMAGES:
            found.append(image.version)
            arch = image.qualifier("arch")
            platform = Platform("linux", arch) if arch else None
    found += [
        value.rpartition("@")[2]
        for name in (f"{notes.TRIVY}RepoDigest", "RepoDigest")
        for value in said.get(name, ())
    ]
    ours = notes.one(said, "platform")
    if ours:
        try:
            platform = Platform.parse(ours)
        except ValueError as error:
            raise UnfitError(f"{error}") from error
    layers = said.get(f"{notes.OURS}layer") or said.get(f"{notes.TRIVY}DiffID") or ()
    return About(next((each for each in found if is_digest(each)), ""), platform, tuple(layers))


def inventory(entries: Entries, whole: About) -> Inventory:
    """Return the inventory of a document.

    Entries of one purl (or name and version) at the same places are one component, which needs what
    any of them needs. What a document says needs something that it does not list, needs nothing.
    """
    components = _joined(entries.components, entries)
    return Inventory(
        digest=whole.digest,
        platform=whole.platform,
        system=entries.systems[0] if entries.systems else system(c.package for c in components),
        layers=whole.layers,
        components=components,
        tools=_joined(entries.tools, entries),
        files=tuple(sorted(entries.files)),
    )


def _joined(listed: Mapping[str, Component], entries: Entries) -> tuple[Component, ...]:
    refs = {ref: component.ref for ref, component in listed.items()}
    joined: dict[str, Component] = {}
    for ref, component in listed.items():
        own = refs[ref]
        needs = {refs[need] for need in entries.needs.get(ref, ()) if need in refs} - {own}
        before = joined.get(own)
        joined[own] = component._replace(
            scope=entries.scopes.get(ref, component.scope),
            needs=tuple(sorted(needs.union(before.needs if before else ()))),
        )
    return tuple(joined[ref] for ref in sorted(joined))


def system(packages: Iterable[Package]) -> System | None:
    """Return the distribution that most packages of a distribution say they are of."""
    found: Counter[System] = Counter()
    for package in packages:
        if package.ecosystem in purls.SYSTEMS:
            said = purls.parse(package.purl).system
            if said is not None:
                found[said] += 1
    return max(sorted(found), key=found.__getitem__) if found else None


def all_of(licences: Iterable[str]) -> str:
    """Return the licence of what is under each of ``licences``: none loosens what another asks.

    A choice among one of them is put into brackets, and brackets of what is no expression are made
    others: they could take apart what stands beside it.
    """
    found = [said for said in licences if said]
    if len(found) < 2:  # noqa: PLR2004 - nothing to join
        return "".join(found)
    whole = [said if expression(said) else said.translate(_NO_BRACKETS) for said in found]
    return " AND ".join(f"({said})" if _CHOICE.search(said) else said for said in whole)


def grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return notes by name."""
    out: dict[str, list[str]] = {}
    for name, value in pairs:
        if name in out:
            out[name].append(value)
        else:
            out[name] = [value]
    return out


def is_image(purl: str) -> bool:
    """Whether a purl is of an image, or there is none: what is so described is no package."""
    return not purl or purl.lower().startswith(("pkg:oci/", "pkg:docker/"))


def digests(pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return hashes (algorithm as either format spells it, value) as ``sha256:<hex>``."""
    return tuple(f"{alg.replace('-', '').lower()}:{value.lower()}" for alg, value in pairs)
