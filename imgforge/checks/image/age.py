"""IF061: an image or a base that is too old."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF061",
    Severity.MEDIUM,
    "The image or its base is older than the policy allows",
    why="Vulnerabilities are found in software that does not change: an image that was not built"
    " for a year lacks a year of fixes, whether or not a scanner knows of them.",
    remedy="Renew the lock (imgforge lock) and build again.",
    example="# policy.toml\n[budget]\nage = 90\nbase-age = 60",
    references=("CIS Docker Benchmark 4.4", "NIST SP 800-190 4.2.2", "NIST SP 800-190 4.1.1"),
)

_FIRST: Final = dt.date(1981, 1, 1)
"""Builders that leave time out write 1970 or 1980, the first years of Unix and of zip."""
_TOMORROW: Final = dt.timedelta(days=1)


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:
    """Compare ages with the budget's days; a moment that means nothing makes the age unknown.

    The base's age is that of the first step of the history: nothing else in an image tells it.
    """
    history = image.config.get("history") or [{}]
    for what, moment, days in (
        ("image", image.config.get("created"), policy.budget.age),
        ("base", (history[0] or {}).get("created") or "", policy.budget.base_age),
    ):
        if days is None:
            continue
        made = _day(moment, policy.day)
        if made is None:
            message = f"nothing says how old the {what} is ({str(moment or 'no date')[:40]!r})"
            yield RULE.finding(message, key=what, severity=Severity.INFO)
        elif (policy.day - made).days > days:
            age = (policy.day - made).days
            message = f"the {what} was made {age} days ago, and {days} are allowed"
            yield RULE.finding(message, key=what)


def _day(moment: object, today: dt.date) -> dt.date | None:
    """Return the day of a moment (RFC 3339); None if it is none, a stand-in, or in the future."""
    try:
        day = dt.date.fromisoformat(str(moment)[:10])
    except ValueError:
        return None
    return day if _FIRST <= day <= today + _TOMORROW else None
