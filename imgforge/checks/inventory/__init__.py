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


class _Subject:
    """What all comparisons of one image look at, put together once."""

    def __init__(self, inventory: Inventory, declared: Declared) -> None:
        self._inventory = inventory
        self._declared = declared
        self._made: Compared | None = None

    def of(self, image: ImageFacts) -> Compared:
        if self._made is None or self._made.image is not image:
            self._made = Compared(image, self._inventory, self._declared)
        return self._made


@dataclass(frozen=True, slots=True)
class _Bound:
    """A check of images that compares an inventory of that image with what is declared."""

    comparison: Comparison
    subject: _Subject

    @property
    def RULE(self) -> Rule:  # noqa: N802 - as in a module of checks
        return self.comparison.RULE

    def check(self, image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG002
        return self.comparison.check(self.subject.of(image))


def bound(
    inventory: Inventory, declared: Declared | None, *, drift: bool = False
) -> tuple[Check, ...]:
    """Return the checks of the image that ``inventory`` is of; none if nothing is declared.

    With ``drift`` those of files are left out: every file is compared anyway (IF081).
    """
    if declared is None:
        return ()
    chosen = [c for c in CHECKS if not drift or c is not programs]
    subject = _Subject(inventory, declared)
    return tuple(_Bound(comparison, subject) for comparison in chosen)
