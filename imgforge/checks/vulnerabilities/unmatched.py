"""IF203: components of which nobody can say whether they are vulnerable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy
from imgforge.vulnerabilities.scanned import Scanned

RULE: Final = Rule(
    "IF203",
    Severity.CRITICAL,
    "Nobody can say whether a component is vulnerable",
    why="The database has no advisories of its ecosystem or distribution, or its version cannot be "
    "read. That nothing was found in it proves nothing. It is info, unless the policy says "
    'unmatched = "fail"; then it is high, or as bad as fail-on asks for.',
    remedy="Import the advisories of its ecosystem (imgforge db status says which there are), or "
    "take it out.",
    example="""\
# A gem in the image, and no advisories of RubyGems in the database:
imgforge db status

# Cure: OSV's dump of RubyGems, once it is on this machine.
imgforge db import rubygems.zip""",
    references=("NIST SP 800-190 4.1.1",),
)


def check(scanned: Scanned, policy: Policy) -> Iterator[Finding]:
    """Yield each component that could not be matched."""
    severity = Severity.INFO
    if policy.vulnerabilities.unmatched:
        severity = max(Severity.HIGH, Severity.parse(policy.fail_on))
    for component, reason in scanned.unmatched:
        package = component.package
        yield RULE.finding(
            f"{package.purl}: {reason}",
            path=package.paths[0] if package.paths else "",
            layer=package.layer,
            key=package.purl,
            severity=severity,
        )
