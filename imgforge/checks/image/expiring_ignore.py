"""IF091: an exception of the policy is about to run out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

SOON: Final = dt.timedelta(days=14)
"""How long before its last day an exception is spoken of."""

RULE: Final = Rule(
    "IF091",
    Severity.INFO,
    "An exception of the policy ends soon",
    why="On the day after its last one the exception fails every build and check that it is for. "
    "Whoever answers for it needs the time before that to mend the fault or to decide again.",
    remedy="Mend what it excuses, or have its owner decide again before it ends.",
    example="""\
# A week before that day:
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
    """Find ``ignore`` entries that hold for two more weeks at most."""
    for ignore in policy.exceptions:
        if ignore.image == "*" and policy.day <= ignore.expires <= policy.day + SOON:
            owner = f"; {ignore.owner} answers for it" if ignore.owner else ""
            message = f"the exception for {ignore} ends on {ignore.expires}{owner}"
            yield RULE.finding(message, key=str(ignore))
