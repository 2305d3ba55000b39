"""How what is in one image differs from what is in another one, whoever listed either."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from imgforge.analysis.facts import Package
from imgforge.inventory import Component, Inventory
from imgforge.sbom.parts import expression

Key = tuple[str, str, str]


class Change(NamedTuple):
    """A component that one side has or both have: ``before`` or ``after`` is None, or neither.

    ``what`` is what differs of one that both have: ``version``, ``licence``, ``hash`` (another
    content under the same version), ``part``, ``scope``.
    """

    before: Component | None
    after: Component | None
    what: tuple[str, ...] = ()


class Difference(NamedTuple):
    """All changes between two inventories, by what the component is called."""

    added: tuple[Change, ...]
    removed: tuple[Change, ...]
    changed: tuple[Change, ...]
    same: int
    """Components that both have alike."""

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.added or self.removed or self.changed)


def compare(before: Inventory, after: Inventory) -> Difference:
    """Return what differs; layers and paths do not count, since every build has others.

    Components of one name are paired by version, then by place, then in the order of versions.
    """
    old, new = _by_key(before), _by_key(after)
    pairs = [
        pair
        for key in sorted(old.keys() | new.keys())
        for pair in _paired(old.get(key, ()), new.get(key, ()))
    ]
    changes = [Change(a, b, tuple(_differing(a, b)) if a and b else ()) for a, b in pairs]
    return Difference(
        added=tuple(change for change in changes if change.before is None),
        removed=tuple(change for change in changes if change.after is None),
        changed=tuple(change for change in changes if change.what),
        same=sum(bool(c.before and c.after and not c.what) for c in changes),
    )


def _by_key(inventory: Inventory) -> Mapping[Key, Sequence[Component]]:
    found: dict[Key, list[Component]] = {}
    for component in inventory.components:
        found.setdefault(_key(component.package), []).append(component)
    return found


def _key(package: Package) -> Key:
    name = package.name
    if package.ecosystem == "pypi":
        name = re.sub(r"[-_.]+", "-", name).lower()
    return package.ecosystem, package.namespace, name


def _paired(
    old: Sequence[Component], new: Sequence[Component]
) -> Iterator[tuple[Component | None, Component | None]]:
    left, right = sorted(old), sorted(new)
    if len(left) == len(right) == 1:
        yield left[0], right[0]
        return
    for alike in (_whole, _version, _place):
        waiting: dict[tuple[str, ...], list[Component]] = {}
        for component in right:
            waiting.setdefault(alike(component), []).append(component)
        rest = []
        for component in left:
            partners = waiting.get(alike(component))
            if partners:
                partner = partners.pop(0)
                right.remove(partner)
                yield component, partner
            else:
                rest.append(component)
        left = rest
    both = min(len(left), len(right))
    yield from zip(left[:both], right[:both], strict=True)
    yield from ((component, None) for component in left[both:])
    yield from ((None, component) for component in right[both:])


def _whole(component: Component) -> tuple[str, ...]:
    return (*_version(component), *_place(component))


def _version(component: Component) -> tuple[str, ...]:
    return (component.package.version,)


def _place(component: Component) -> tuple[str, ...]:
    return (*component.package.paths[:1], component.package.inside)


def _differing(before: Component, after: Component) -> Iterator[str]:
    one, other = before.package, after.package
    if one.version != other.version:
        yield "version"
    if _licence(one) != _licence(other):
        yield "licence"
    if one.version == other.version and _contradict(one.hashes, other.hashes):
        yield "hash"
    if before.part and after.part and before.part != after.part:
        yield "part"
    if before.scope != after.scope:
        yield "scope"


def _licence(package: Package) -> str:
    return (expression(package.licence) or package.licence) if package.licence else ""


def _contradict(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether a kind of hash that both have says that they differ (``sha256:<hex>``)."""
    known = dict(each.split(":", 1) for each in one if ":" in each)
    return any(
        known.get(kind, value) != value for kind, _, value in (h.partition(":") for h in other)
    )
