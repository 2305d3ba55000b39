"""The checks, one module each."""

from __future__ import annotations

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.policy import Policy

__all__ = ["Finding", "Severity", "gate", "run"]


def run(image: ImageFacts, policy: Policy) -> list[Finding]:
    """Run every check; worst findings first."""
    raise NotImplementedError


def gate(findings: list[Finding], policy: Policy) -> bool:
    """Whether no finding that is not ignored reaches ``policy.fail_on``."""
    limit = Severity.parse(policy.fail_on)
    return all(finding.ignored or finding.severity < limit for finding in findings)
