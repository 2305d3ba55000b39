"""Drift: what an image has that its spec does not say, and what the spec says that it lacks.

One module a kind, as with the checks of images; to add one, write it and name it in ``CHECKS``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.drift import application, base, packages, places, process
from imgforge.checks.drift.expected import Expectation
from imgforge.checks.finding import Finding
from imgforge.checks.rule import Rule


class Drift(Protocol):
    """What a module of this folder offers."""

    @property
    def RULE(self) -> Rule:  # noqa: N802 - a constant of a module
        """What is said about it."""

    def check(self, image: ImageFacts, expected: Expectation) -> Iterator[Finding]:
        """Yield how ``image`` differs from what was expected."""


CHECKS: Final[tuple[Drift, ...]] = (process, places, packages, base, application)
