"""IF090: an exception of the policy has run out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy import Policy

RULE: Final = Rule(
    "IF090",
    Severity.LOW,
    "An exception of the policy has expired",
    why="An exception is a risk that somebody took until a day. The day has passed, so nobody"
    " answers for it any more, and what it excused counts again. Exceptions that quietly"
    " live on turn a policy into a list of what is not looked at.",
    remedy="Fix what it excused, or decide again and give a later day.",
    example="""\
# Faulty: the day is over.
[[ignore]]
check = "IF010"
path = "usr/bin/mount"
reason = "the base is replaced in March"
owner = "ann@example.com"
expires = 2026-03-31

# Cured: gone with its cause, or decided again with a reason and a day.
""",
    references=("NIST SP 800-53 CA-5",),
)


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find ``ignore`` entries whose day has passed; they excuse nothing any more."""
    for ignore in policy.ignore:
        if ignore.expired(policy.day):
            message = f"the exception for {ignore.check} at {ignore.path} ended on {ignore.expires}"
            yield RULE.finding(message, key=f"{ignore.check}:{ignore.path}")
