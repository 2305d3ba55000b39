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
    why="An exception is a risk that somebody accepted for a time. When that time is over "
    "nobody stands for it any more, and what it excused counts again.",
    remedy="Fix what it excused, or decide again and give a later day.",
    example="[[ignore]]\n"
    'check = "IF010"\n'
    'reason = "vendor fixes it in May"\n'
    "expires = 2026-05-31         # past\n\n"
    "# fixed and removed, or decided again with a later day",
    references=("NIST SP 800-53 CA-5", "NIST SP 800-53 RA-7"),
)


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find ``ignore`` entries whose day has passed; they excuse nothing any more."""
    for ignore in policy.ignore:
        if ignore.expired(policy.day):
            message = f"the exception for {ignore.check} at {ignore.path} ended on {ignore.expires}"
            yield RULE.finding(message, key=f"{ignore.check}:{ignore.path}")
