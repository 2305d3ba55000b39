"""Which component needs which."""

from __future__ import annotations

from collections.abc import Sequence

from imgforge.analysis.facts import ImageFacts
from imgforge.inventory.component import Component
from imgforge.inventory.matching import Match, title


def needs(
    image: ImageFacts,  # noqa: ARG001
    components: Sequence[Component],
    found: Sequence[Match],
) -> list[tuple[str, ...]]:
    """Return for every component the sorted ``ref`` of those that it needs."""
    refs = [component.ref for component in components]
    named: dict[tuple[str, str], list[int]] = {}
    for index, component in enumerate(components):
        package = component.package
        named.setdefault((package.ecosystem, title(package)), []).append(index)
    out = []
    for component, match in zip(components, found, strict=True):
        package = component.package
        names = {*package.depends, *(match.entry.needs if match.entry is not None else ())}
        hit = {named[package.ecosystem, n][0] for n in names if (package.ecosystem, n) in named}
        out.append(tuple(sorted({refs[i] for i in hit})))
    return out
