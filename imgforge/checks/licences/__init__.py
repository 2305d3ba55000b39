"""Checks of licences: they are asked only if a policy says which may be in an image.

They judge the inventory, which knows more than the image does: :func:`bound` makes them checks of
images, so that whoever runs those need not know the difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from imgforge.checks.bound import Bound
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


def bound(inventory: Inventory, policy: Policy) -> tuple[Check, ...]:
    """Return the checks of ``inventory``; none if ``policy`` says nothing of licences."""

    def bind(licensing: Licensing) -> Check:
        return Bound(licensing.RULE, lambda _, held: licensing.check(inventory, held))

    return tuple(map(bind, CHECKS)) if policy.licences else ()
