"""How one policy's ``[vulnerabilities]`` bounds another's."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, TypeVar

from imgforge.policy.vulnerabilities import CHECK, Vulnerabilities
from imgforge.severity import LEVELS, Level

if TYPE_CHECKING:
    from imgforge.policy.bounds import Delegate

_Number = TypeVar("_Number", int, float)


def tighten(
    outer: Vulnerabilities,
    inner: Vulnerabilities,
    delegate: Delegate,
    day: dt.date,
    limits: tuple[Level, Level],
) -> Vulnerabilities:
    """Return what holds under both; of ``inner``'s acceptances only what is delegated.

    ``limits`` are the levels at which vulnerabilities fail in all, outer's and inner's.
    """
    mine = tuple(e for e in inner.ignore if _refused(delegate, e.expires, day) is None)
    vex = inner.vex if _refused(delegate, None, day) is None else ()
    return Vulnerabilities(
        required=outer.required or inner.required,
        max_age=_least(outer.max_age, inner.max_age),
        fail_on=None if (outer.fail_on or inner.fail_on) is None else min(limits, key=LEVELS.index),
        only_fixed=outer.only_fixed and inner.only_fixed,
        grace={
            level: min(outer.grace[level], inner.grace[level])
            for level in outer.grace.keys() & inner.grace.keys()
        },
        exploited=outer.exploited or inner.exploited,
        probability=_least(outer.probability, inner.probability),
        unmatched=outer.unmatched or inner.unmatched,
        ignore=outer.ignore + mine,
        vex=outer.vex + vex,
    )


def loosened(
    outer: Vulnerabilities,
    inner: Vulnerabilities,
    delegate: Delegate,
    day: dt.date,
    limits: tuple[Level, Level],
) -> list[str]:
    """Return every wish of ``inner`` that ``outer`` does not grant, one line each.

    ``limits`` are the two levels at which vulnerabilities fail in all, outer's and inner's.
    """
    found = []
    own = outer.fail_on or inner.fail_on  # else the policies' own fail-on is told of
    if own and LEVELS.index(limits[1]) > LEVELS.index(limits[0]):
        found.append(f"fail-on: {limits[1]} where {limits[0]} fails already")
    found += [
        line
        for line, looser in (
            ("required: false where a scan is required", outer.required > inner.required),
            ("only-fixed: what has no fix fails, too", inner.only_fixed > outer.only_fixed),
            ("exploited: report where it fails", outer.exploited > inner.exploited),
            ("unmatched: report where it fails", outer.unmatched > inner.unmatched),
        )
        if looser
    ]
    found += [
        f"grace: {days} days for {level} where {outer.grace.get(level, 0)} are the most"
        for level, days in inner.grace.items()
        if days > outer.grace.get(level, 0)
    ]
    found += [
        f"{name}: {wish} where {most} is the most"
        for name, most, wish in (
            ("database-max-age", outer.max_age, inner.max_age),
            ("probability", outer.probability, inner.probability),
        )
        if most is not None and wish is not None and wish > most
    ]
    for each in inner.ignore:
        reason = _refused(delegate, each.expires, day)
        if reason is not None:
            found.append(f"ignore {each}: {reason}")
    reason = _refused(delegate, None, day)
    if inner.vex and reason is not None:
        found.append(f"vex: {reason}")
    return [f"vulnerabilities.{line}" for line in found]


def may_accept(delegate: Delegate, day: dt.date) -> str | None:
    """Return why nobody below a policy may bring VEX documents of his own; None if he may."""
    return _refused(delegate, None, day)


def _refused(delegate: Delegate, expires: dt.date | None, day: dt.date) -> str | None:
    """Return why an acceptance that ends with ``expires`` (None: never) is not delegated."""
    if CHECK not in delegate.checks:
        return f"accepting vulnerabilities ({CHECK}) is not delegated"
    if delegate.max_days is None:
        return None
    latest = day + dt.timedelta(days=min(delegate.max_days, (dt.date.max - day).days))
    if expires is None:
        return f"it has no end, and {latest} is the latest day now"
    if expires > latest:
        return f"it lasts until {expires}, and {latest} is the latest day now"
    return None


def _least(one: _Number | None, other: _Number | None) -> _Number | None:
    return min((each for each in (one, other) if each is not None), default=None)
