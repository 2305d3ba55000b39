"""Checks of licences: they are asked only if a policy says which may be in an image.

They judge the inventory, which knows more than the image does: :func:`bound` makes them checks of
images, so that whoever runs those need not know the difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding
from imgforge.checks.image import Check
from imgforge.checks.licences import denied, unknown
from imgforge.checks.rule import Rule
from imgforge.inventory import Inventory
from imgforge.policy.bounds import Policy


class Licensing(Protocol):
    """What a module of this folder offers."""

    @property
    def RULE(self) -> Rule:  # noqa: N802 - a constant of a module
        """What is said about it."""

    def check(self, inventory: Inventory, policy: Policy) -> Iterator[Finding]:
        """Yield what is wrong with what ``inventory`` lists."""


CHECKS: Final[tuple[Licensing, ...]] = (denied, unknown)


@dataclass(frozen=True, slots=True)
class _Bound:
    """A check of the one inventory that belongs to an image."""

    licensing: Licensing
    inventory: Inventory

    @property
    def RULE(self) -> Rule:  # noqa: N802 - as in a module of checks
        return self.licensing.RULE

    def check(self, image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG002
        return self.licensing.check(self.inventory, policy)


def bound(inventory: Inventory, policy: Policy) -> tuple[Check, ...]:
    """Return the checks of ``inventory``; none if ``policy`` says nothing of licences."""
    return tuple(_Bound(each, inventory) for each in CHECKS) if policy.licences else ()
