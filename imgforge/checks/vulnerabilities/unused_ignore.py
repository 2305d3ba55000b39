"""IF206: an acceptance of a vulnerability that is not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy
from imgforge.vulnerabilities.scanned import Scanned

RULE: Final = Rule(
    "IF206",
    Severity.INFO,
    "The acceptance of a vulnerability accepts nothing",
    why="What it accepted is gone. It stays dangerous all the same: if the package comes back in "
    "its old version, nobody is told.",
    remedy="Take the entry out of the policy.",
    example="""\
# The mended version is in the image since May:
[[vulnerabilities.ignore]]
id = "CVE-2030-0001"
reason = "waits for 2.4"
owner = "web team"
expires = 2030-12-31

# Cure: no entry.""",
    references=("NIST SP 800-53 CA-5",),
)


def check(scanned: Scanned, policy: Policy) -> Iterator[Finding]:
    """Find entries that hold on the policy's day and fit nothing that was found."""
    for entry in policy.vulnerabilities.ignore:
        if entry.expired(policy.day):
            continue
        if not any(entry.fits(one.names, one.component.package.purl) for one in scanned.found):
            yield RULE.finding(f"the acceptance of {entry} accepts nothing", key=str(entry))
