"""What is in an image against what its project's locks declare.

One module a rule, as with the checks of images; to add one, write it and name it in ``CHECKS``.
:func:`bound` makes checks of images of them, so that they are run, judged and reported like all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.bound import Bound
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

    def bind(comparison: Comparison) -> Check:
        return Bound(comparison.RULE, lambda image, _: comparison.check(subject.of(image)))

    return tuple(map(bind, chosen))
