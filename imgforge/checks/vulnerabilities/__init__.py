"""Checks of what is known of an image's components, one module each.

They take what a scan gave; :func:`bound` makes checks of images of them. To add one, write a module
and name it in ``CHECKS``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Protocol

from imgforge.checks.bound import Bound
from imgforge.checks.finding import Finding
from imgforge.checks.rule import Rule
from imgforge.checks.vulnerabilities import (
    database_age,
    expired_ignore,
    exploited,
    known,
    left,
    malicious,
    refused_vex,
    unmatched,
    unused_ignore,
)
from imgforge.policy.bounds import Policy
from imgforge.vulnerabilities.scanned import Scanned

if TYPE_CHECKING:
    from imgforge.checks.image import Check


class ScanCheck(Protocol):
    """What a module of this folder offers."""

    @property
    def RULE(self) -> Rule:  # noqa: N802 - a constant of a module
        """What is said about it."""

    def check(self, scanned: Scanned, policy: Policy) -> Iterator[Finding]:
        """Yield what is wrong by what the scan gave."""


CHECKS: Final[tuple[ScanCheck, ...]] = (
    known,
    exploited,
    database_age,
    unmatched,
    malicious,
    expired_ignore,
    unused_ignore,
    refused_vex,
    left,
)


def bound(scanned: Scanned) -> tuple[Check, ...]:
    """Return the checks of the image whose scan ``scanned`` is."""

    def bind(module: ScanCheck) -> Check:
        return Bound(module.RULE, lambda _, policy: module.check(scanned, policy))

    return tuple(map(bind, CHECKS))


def findings(scanned: Scanned, policy: Policy) -> list[Finding]:
    """Return what all of them find, as ``policy`` takes it: worst first, of an SBOM's image too."""
    from imgforge.checks import judged

    found = {finding for module in CHECKS for finding in module.check(scanned, policy)}
    return sorted(
        (judged(finding, policy) for finding in found),
        key=lambda f: (-f.severity, f.check, f.path, f.key, f.layer, f.message),
    )
