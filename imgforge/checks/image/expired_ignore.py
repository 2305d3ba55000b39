"""IF090: an exception of the policy has run out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF090",
    Severity.CRITICAL,
    "An exception of the policy has expired",
    why="Somebody accepted a risk until a day, and the day has passed without a decision. What it "
    "excused counts again, but it may be below the gate, or the exception may be one of many that "
    "nobody looks at. So the lapse itself fails: it is high, or as bad as fail-on asks for.",
    remedy="Mend what it excused and take it out, or decide again and give a later day.",
    example="""\
# Until the last day of January, and it is February:
[[ignore]]
check = "IF010"
path = "opt/tool/helper"
reason = "fixed in 2.1, ticket 123"
owner = "web team"
expires = 2030-01-31

# Cure: ship 2.1 and take the entry out.""",
    references=("NIST SP 800-53 CA-5",),
)


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find ``ignore`` entries whose day has passed; they excuse nothing any more."""
    severity = max(Severity.HIGH, Severity.parse(policy.fail_on))
    for ignore in policy.exceptions:
        if ignore.image == "*" and ignore.expired(policy.day):
            owner = f"; ask {ignore.owner}" if ignore.owner else ""
            message = f"the exception for {ignore} ended on {ignore.expires}{owner}"
            yield RULE.finding(message, key=str(ignore), severity=severity)
