"""IF092: an exception of the policy that accepts nothing; it is seen once all findings are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF092",
    Severity.INFO,
    "An exception of the policy accepts nothing",
    why="An exception that nothing needs any more still excuses the next fault of its kind. A list "
    "that only grows is read by nobody, and a new entry in it by nobody either. Exceptions that a "
    "policy makes for many images, or for others, do not count.",
    remedy="Take it out of the policy.",
    example="""\
# The setuid bit is gone since 2.1, the exception is not:
[[ignore]]
check = "IF010"
path = "opt/tool/helper"
reason = "needed by 2.0"
owner = "web team"
expires = 2030-01-31

# Cure: no entry.""",
    references=("NIST SP 800-53 CA-5",),
)


def unused(findings: Sequence[Finding], policy: Policy, ids: Collection[str]) -> Iterator[Finding]:
    """Find exceptions that hold on the policy's day and accept none of ``findings``.

    ``ids`` are the checks that were run: what others would have found is not known.
    """
    for ignore in policy.ignore:
        if ignore.expired(policy.day) or ignore.image != "*" or ignore.check not in ids:
            continue
        if not any(ignore.holds(finding, policy.day) for finding in findings):
            yield RULE.finding(f"the exception for {ignore} accepts nothing", key=str(ignore))
