"""Checks of images that look at more than the image: what they look at is bound to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgforge.analysis.facts import ImageFacts
    from imgforge.checks.finding import Finding
    from imgforge.checks.rule import Rule
    from imgforge.policy.bounds import Policy


@dataclass(frozen=True, slots=True)
class Bound:
    """A check of images, to whoever runs such; ``look`` knows what else is looked at."""

    RULE: Rule
    look: Callable[[ImageFacts, Policy], Iterator[Finding]]

    def check(self, image: ImageFacts, policy: Policy) -> Iterator[Finding]:
        """Yield what is wrong."""
        return self.look(image, policy)
