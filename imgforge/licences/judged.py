"""Whether the licences of an image's components are those that a policy allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, NamedTuple

from imgforge.inventory import Component, Inventory
from imgforge.licences.expression import LATER, ONLY, Simple, canonical, refused

if TYPE_CHECKING:
    from imgforge.policy.licences import Licences

_SHOWN: Final = 80
"""Characters of what metadata says that a message quotes."""
_LONGEST: Final = 400
"""Characters of an expression; Debian's have a hundred and more."""
_MOST: Final = 8
"""Licences that are refused and named."""


class Verdict(NamedTuple):
    """Why a component is not in order: ``refused`` licences, or none of them if it is ``unknown``.

    ``strict``: a list of what is allowed was asked for, and nobody knows whether it is on it.
    """

    component: Component
    message: str
    refused: tuple[str, ...] = ()
    strict: bool = False

    @property
    def unknown(self) -> bool:
        """Whether nobody knows its licence."""
        return not self.refused


def judge(inventory: Inventory, policies: Sequence[Licences]) -> Iterator[Verdict]:
    """Yield what is wrong with each component, once, by the first of ``policies`` that minds.

    Each policy is met by itself. What only built the image is not in it, and is nobody's licensee.
    """
    for component in inventory.components:
        concerned = [p for p in policies if p.base or component.part != "base"]
        verdicts = (found for policy in concerned if (found := _judged(component, policy)))
        # A licence that is refused says more than one that is not known.
        first = min(verdicts, key=lambda v: (v.unknown, not v.strict), default=None)
        if first is not None:
            yield first


def permits(policy: Licences, licence: Simple) -> bool:
    """Whether ``policy`` lets one licence pass.

    What it says of a licence WITH its exception comes before what it says of the licence. A licence
    that a later version may replace is also the version itself.
    """
    if licence.exception:
        for globs, answer in ((policy.deny, False), (policy.allow, True)):
            if _any(str(licence), [glob for glob in globs if " WITH " in glob]):
                return answer
    whole = str(licence._replace(exception=""))
    if _any(whole, policy.deny):
        return False
    if not policy.allow or _any(whole, policy.allow):
        return True
    if not licence.later:
        return False
    gnu = licence.name.endswith(LATER)
    itself = licence.name.removesuffix(LATER) + ONLY if gnu else licence.name
    return not _any(itself, policy.deny) and _any(itself, policy.allow)


def _judged(component: Component, policy: Licences) -> Verdict | None:
    package = component.package
    said = canonical(package.licence)
    if said is None:
        shown = package.licence.strip()
        what = f"{shown[:_SHOWN]!a}, which is no SPDX expression" if shown else "nothing"
        message = f"{_named(component)}: its metadata says {what}"
        return Verdict(component, message, strict=bool(policy.allow))
    bad = refused(said, lambda licence: not permits(policy, licence))
    if not bad:
        return None
    names = ", ".join(bad[:_MOST]) + (", ..." if len(bad) > _MOST else "")
    under = said if len(said) <= _LONGEST else f"{said[:_LONGEST]}..."
    verb = "is" if len(bad) == 1 else "are"
    message = f"{_named(component)} is under {under}, and {names} {verb} not allowed"
    return Verdict(component, message, tuple(bad))


def _any(name: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(name.lower(), glob.lower()) for glob in globs)


def _named(component: Component) -> str:
    package = component.package
    return f"the {package.ecosystem} package {package.title} {package.version}".rstrip()
