"""IF205: a vulnerability was accepted until a day that has passed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy
from imgforge.vulnerabilities.scanned import Scanned

RULE: Final = Rule(
    "IF205",
    Severity.CRITICAL,
    "The acceptance of a vulnerability has expired",
    why="Somebody accepted a hole until a day, and the day has passed without a decision. The "
    "vulnerability counts again, but it may be below the gate or gone. So the lapse itself fails: "
    "it is high, or as bad as fail-on asks for.",
    remedy="Take the entry out, or decide again and give a later day.",
    example="""\
# Until the last day of January, and it is February:
[[vulnerabilities.ignore]]
id = "CVE-2030-0001"
package = "pkg:pypi/requests@*"
reason = "no untrusted URL reaches it, ticket 123"
owner = "web team"
expires = 2030-01-31

# Cure: take the mended version, and the entry out.""",
    references=("NIST SP 800-53 CA-5",),
)


def check(scanned: Scanned, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find entries of ``[[vulnerabilities.ignore]]`` whose day has passed."""
    severity = max(Severity.HIGH, Severity.parse(policy.fail_on))
    for entry in policy.vulnerabilities.ignore:
        if entry.expired(policy.day):
            message = f"{entry} was accepted until {entry.expires}; ask {entry.owner}"
            yield RULE.finding(message, key=str(entry), severity=severity)
