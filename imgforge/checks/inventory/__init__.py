"""What is in an image against what its project's locks declare.

One module a rule, as with the checks of images; to add one, write it and name it in ``CHECKS``.
:func:`bound` makes checks of images of them, so that they are run, judged and reported like all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding
from imgforge.checks.image import Check
from imgforge.checks.inventory import (
    development,
    different,
    foreign,
    missing,
    programs,
    undeclared,
)
from imgforge.checks.inventory.compared import Compared
from imgforge.checks.rule import Rule
from imgforge.inventory import Declared, Inventory
from imgforge.policy.bounds import Policy


class Comparison(Protocol):
    """What a module of this folder offers."""

    @property
    def RULE(self) -> Rule:  # noqa: N802 - a constant of a module
        """What is said about it."""

    def check(self, compared: Compared) -> Iterator[Finding]:
        """Yield how what is there differs from what is declared."""


CHECKS: Final[tuple[Comparison, ...]] = (
    missing,
    undeclared,
    different,
    development,
    programs,
    foreign,
)


@dataclass(frozen=True, slots=True)
class _Bound:
    """A check of images that compares an inventory of that image with what is declared."""

    comparison: Comparison
    inventory: Inventory
    declared: Declared

    @property
    def RULE(self) -> Rule:  # noqa: N802 - as in a module of checks
        return self.comparison.RULE

    def check(self, image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG002
        return self.comparison.check(Compared(image, self.inventory, self.declared))


def bound(inventory: Inventory, declared: Declared | None) -> tuple[Check, ...]:
    """Return the checks of the image that ``inventory`` is of; none if nothing is declared."""
    if declared is None:
        return ()
    return tuple(_Bound(comparison, inventory, declared) for comparison in CHECKS)
