"""Judging an image: every check is run, and a gate decides by the worst that was found.

``image`` has the checks of images, ``dockerfile`` those of Dockerfiles, one module each; ``rule``
and ``finding`` what they share.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image import CHECKS, Check
from imgforge.checks.rule import Rule
from imgforge.errors import ImgforgeError
from imgforge.policy.bounds import Policy
from imgforge.severity import LEVELS

__all__ = [
    "CHECKS",
    "Check",
    "Finding",
    "Rule",
    "Severity",
    "gate_holds",
    "judged",
    "run",
]


def run(image: ImageFacts, policy: Policy, checks: Sequence[Check] = CHECKS) -> list[Finding]:
    """Run every check; return the findings, worst first, then by check, path and key.

    Severities are those that the policy gives. Findings that it excuses are kept, with the reason.
    An exception inside a check is an ImgforgeError that names the check: what was not checked has
    not passed.
    """
    findings: set[Finding] = set()
    for module in checks:
        try:
            findings.update(module.check(image, policy))
        except Exception as error:
            raise ImgforgeError(
                f"the check {module.RULE.id} ({module.RULE.title}) failed: {error!r}",
                hint="the image was not judged; please report this",
            ) from error
    return sorted(
        (judged(finding, policy) for finding in findings),
        key=lambda f: (-f.severity, f.check, f.path, f.key, f.layer, f.message),
    )


def gate_holds(findings: Sequence[Finding], policy: Policy) -> bool:
    """Whether the image passes: no finding that is not excused reaches the limit of its check."""
    return all(
        finding.ignored or finding.severity < Severity.parse(policy.limit(finding.check))
        for finding in findings
    )


def judged(finding: Finding, policy: Policy) -> Finding:
    """Return ``finding`` as ``policy`` takes it: how severe, and whether it is accepted."""
    severity = Severity.parse(policy.severity(finding.check, LEVELS[finding.severity]))
    if severity != finding.severity:
        finding = dataclasses.replace(finding, severity=severity)
    ignore = next((i for i in policy.exceptions if i.holds(finding, policy.day)), None)
    if ignore is None:
        return finding
    return dataclasses.replace(
        finding,
        ignored=ignore.reason,
        ignored_by=ignore.owner,
        ignored_until=str(ignore.expires),
    )
