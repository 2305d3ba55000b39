"""Whether a vulnerability fails under a policy, and what excuses it if it does not.

In this order: malware and what is exploited in the wild fail, unless a VEX statement or an entry of
``[[vulnerabilities.ignore]]`` says otherwise of the latter, and only an entry of the former. Then
``only-fixed`` and ``grace`` excuse. What is excused is reported with the reason and does not count.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from imgforge.policy.vulnerabilities import CHECK
from imgforge.severity import LEVELS, Level

if TYPE_CHECKING:
    from imgforge.policy.bounds import Policy
    from imgforge.vulnerabilities.vulnerability import Vulnerability

POLICY = "policy"
"""Who excuses by a rule of the policy, not by a name."""


class Excuse(NamedTuple):
    """Why a vulnerability does not count, at whose word, and until which day (or empty).

    ``vex`` names the statement that says so, if one does.
    """

    reason: str
    by: str
    until: str = ""
    vex: str = ""


class Verdict(NamedTuple):
    """A vulnerability as a policy takes it.

    ``level`` is its own, or higher where the policy says so and ``raised`` why. ``fails`` is
    whether the gate counts it.
    """

    vulnerability: Vulnerability
    level: Level
    raised: str
    excuse: Excuse | None
    fails: bool


def judge(found: Sequence[Vulnerability], policy: Policy) -> list[Verdict]:
    """Judge each vulnerability on the policy's day."""
    return [_judged(one, policy) for one in found]


def _judged(one: Vulnerability, policy: Policy) -> Verdict:
    raised = _raised(one, policy)
    limit = policy.limit(CHECK)
    level: Level = one.level
    if raised:
        level = max(level, limit, key=LEVELS.index)
    if one.malicious or (one.exploited and policy.vulnerabilities.exploited):
        level = "critical"
    excuse = _excuse(one, policy)
    fails = excuse is None and LEVELS.index(level) >= LEVELS.index(limit)
    return Verdict(one, level, raised, excuse, fails)


def _raised(one: Vulnerability, policy: Policy) -> str:
    bounds = policy.vulnerabilities
    if one.malicious:
        return "malicious"
    if one.exploited and bounds.exploited:
        return "exploited in the wild"
    chance = one.probability
    if chance is not None and bounds.probability is not None and chance >= bounds.probability:
        return f"exploited with a probability of {chance:.0%} (EPSS), {bounds.probability:.0%} fail"
    return ""


def _excuse(one: Vulnerability, policy: Policy) -> Excuse | None:
    bounds, said = policy.vulnerabilities, one.statement
    if said is not None and said.excuses and not one.malicious:
        why = f": {said.justification}" if said.justification else ""
        return Excuse(f"VEX {said.status}{why}", said.author or said.document, vex=str(said))
    for entry in bounds.ignore:
        if entry.fits(one.names, one.component.package.purl) and not entry.expired(policy.day):
            return Excuse(entry.reason, entry.owner, str(entry.expires))
    if one.malicious or (one.exploited and bounds.exploited):
        return None
    if bounds.only_fixed and not one.fixed:
        return Excuse("nobody has mended it yet (only-fixed)", POLICY)
    days = bounds.grace.get(one.level, 0)
    if days and one.published:
        last = _after(one.published, days)
        # What is dated later than clocks may differ would have grace for ever.
        if _after(one.published, -1) <= policy.day <= last:
            why = f"published {one.published}, {days} days of grace for {one.level}"
            return Excuse(why, POLICY, str(last))
    return None


def _after(published: str, days: int) -> dt.date:
    start = dt.date.fromisoformat(published).toordinal()
    return dt.date.fromordinal(min(max(start + days, 1), dt.date.max.toordinal()))
