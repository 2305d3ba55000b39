"""What the distribution has judged of packages of other kinds that it ships.

Distributions mend what they ship without raising its version: Debian's ``python3-requests`` 2.28.1
may have what PyPI's requests has since 2.31. Where a distribution's package owns another (its
record has the file that speaks of it), the distribution's advisories decide, hit or not, of all
vulnerabilities that they speak of in that package. Others stay, for nobody has judged them there;
so does all, if the database cannot say anything of the distribution's package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from imgforge.advisories.advisory import Unmatched
    from imgforge.inventory import Component, Inventory, System
    from imgforge.vulnerabilities.vulnerability import Vulnerability


class Left(NamedTuple):
    """A vulnerability of a component that its owner, of the distribution, answers for."""

    vulnerability: Vulnerability
    owner: Component


def settled(
    found: Sequence[Vulnerability],
    unmatched: Iterable[Unmatched],
    inventory: Inventory,
    told: Callable[[Component, System | None], set[str]],
) -> tuple[list[Vulnerability], tuple[Left, ...]]:
    """Return what counts of ``found``, and what is left to the distribution's word.

    ``told`` gives the names of all that a database has judged in a package.
    """
    if not any(one.component.owner for one in found):
        return list(found), ()
    unknown = {each.component.ref for each in unmatched}
    owners = {
        f"{component.package.ecosystem}:{component.package.name}": component
        for component in inventory.components
        if component.ref not in unknown
    }
    judged: dict[str, set[str]] = {}
    kept: list[Vulnerability] = []
    left: list[Left] = []
    for one in found:
        owner = owners.get(one.component.owner)
        if owner is None or one.malicious:
            kept.append(one)
            continue
        if one.component.owner not in judged:
            judged[one.component.owner] = told(owner, inventory.system)
        if judged[one.component.owner].isdisjoint(one.names):
            kept.append(one)
        else:
            left.append(Left(one, owner))
    return kept, tuple(
        sorted(left, key=lambda each: (each.vulnerability.component.ref, each[0].id))
    )
