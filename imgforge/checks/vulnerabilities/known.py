"""IF200: known vulnerabilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.checks.vulnerabilities import told
from imgforge.policy.bounds import Policy
from imgforge.vulnerabilities import judging
from imgforge.vulnerabilities.scanned import Scanned

RULE: Final = Rule(
    "IF200",
    Severity.CRITICAL,
    "A package has a known vulnerability",
    why="Attackers read advisories, too, and what they describe is tried against everything that "
    "can be reached, often within days. Whoever ships the package ships the hole. How severe a "
    "finding is, its distribution or CVSS says; whether it fails yet, [vulnerabilities] of the "
    "policy. What a VEX document or the policy excuses is reported and does not count.",
    remedy="Take a version that is mended, and build again.",
    example="""\
# requirements.txt has a version with a hole that is mended in 2.32.4:
requests==2.32.3

# Cure: raise it, lock it, build again.
requests==2.32.4""",
    references=("CIS Docker Benchmark 4.4", "NIST SP 800-190 4.1.1", "CWE-1395"),
)


def check(scanned: Scanned, policy: Policy) -> Iterator[Finding]:
    """Yield each vulnerability that is neither malware nor exploited as the policy counts it."""
    counts = policy.vulnerabilities.exploited
    mine = [one for one in scanned.found if not one.malicious and not (one.exploited and counts)]
    for verdict in judging.judge(mine, policy):
        yield told.finding(RULE, verdict)
