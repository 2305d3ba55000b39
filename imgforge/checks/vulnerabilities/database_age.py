"""IF202: the database of advisories is older than the policy wants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy
from imgforge.vulnerabilities.scanned import Scanned

RULE: Final = Rule(
    "IF202",
    Severity.MEDIUM,
    "The database of advisories is too old",
    why="An old database knows nothing of new holes, and a scan that finds nothing in it says "
    "little. Where the policy requires a scan, an old database is an error and nothing is judged; "
    "where it does not, this says so.",
    remedy="Bring it up to date with imgforge db import.",
    example="""\
# The policy wants a database of this week:
[vulnerabilities]
database-max-age = 7

# Cure: import today's advisories before the build.""",
    references=("NIST SP 800-190 4.1.1", "NIST SP 800-53 RA-5(2)"),
)


def check(scanned: Scanned, policy: Policy) -> Iterator[Finding]:
    """Find a database that is older than the policy's ``database-max-age``."""
    most, day = policy.vulnerabilities.max_age, scanned.knowledge.day
    if most is None or day is None:
        return
    age = (policy.day - day).days
    if age < -1:  # clocks may differ by a day
        yield RULE.finding(f"the database is of {day}, which is still to come")
    elif age > most:
        yield RULE.finding(f"the database is of {day}, {age} days old; {most} are the most")
