"""Conditions on what was found: how bad the worst is, and how old the scan.

What nobody rated counts as the worst. What a policy accepted counts again from the day on which
its acceptance ends, and always if it has no end.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from imgforge.policy.bounds import LEVELS
from imgforge.signing.statement import FINDINGS, VULNERABILITIES, VULNS
from imgforge.verify.conditions.shown import Unreadable, at, items, shown, text
from imgforge.verify.demand import Attested

MAX_FOUND: Final = 1_000_000
WORST: Final = len(LEVELS) - 1
_NAMED: Final = 5
_SKEW: Final = 1
"""Days that clocks may differ by."""

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]{1,12})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


class Found(NamedTuple):
    """One thing that counts: its place in LEVELS, and what to call it (of any length)."""

    level: int
    name: str


def reasons(attested: Attested, predicate: object, day: dt.date) -> Iterator[str]:
    """Yield why the findings are too bad, or their scan too old, on ``day`` (UTC)."""
    from imgforge.verify.conditions import vulnerabilities

    if attested.type not in {FINDINGS, VULNERABILITIES, *VULNS}:
        yield f"{shown(attested.type)} is no type of findings that is read here"
        return
    own = attested.type == FINDINGS
    try:
        scan = own_day(predicate) if own else vulnerabilities.day(predicate)
        # Also where no age is demanded: the newest scan counts, and none is newer than this one.
        yield from _aged(scan, attested.max_age, day)
    except Unreadable as error:
        if attested.max_age is not None:
            yield str(error)
    if attested.below is not None:
        read = (
            found(predicate, day) if own else vulnerabilities.found(attested.type, predicate, day)
        )
        yield from _rated(read, LEVELS.index(attested.below))


def own_day(predicate: object) -> dt.date:
    """Return the day on which imgforge looked; Unreadable if it does not say."""
    said = text(predicate, "day")
    found = _date(said)
    if found is None:
        raise Unreadable(f"day: {shown(said)} is no date")
    return found


def day_of(said: str, place: str) -> dt.date:
    """Return the day (UTC) of an RFC 3339 time; Unreadable if it is none."""
    parts = _MOMENT.fullmatch(said)
    try:
        if parts:
            zone = "+00:00" if parts[3] in "Zz" else parts[3]
            moment = dt.datetime.fromisoformat(f"{parts[1]}T{parts[2]}{zone}")
            return moment.astimezone(dt.UTC).date()
    except (ValueError, OverflowError):
        pass
    raise Unreadable(f"{place}: {shown(said)} is no time with its zone (RFC 3339)")


def found(predicate: object, day: dt.date) -> Sequence[Found]:
    """Return imgforge's own findings that count on ``day``; Unreadable if they are not such."""
    if not text(predicate, "scanner").startswith("imgforge "):
        raise Unreadable("scanner: it is not imgforge that wrote these findings")
    out = []
    for index, one in enumerate(capped(items(predicate, "findings"), "findings")):
        severity = at(one, "severity")
        if not isinstance(severity, str) or severity not in LEVELS:
            raise Unreadable(f"findings[{index}].severity: {shown(severity)} is no severity")
        if not _accepted(one, day):
            out.append(Found(LEVELS.index(severity), name(at(one, "check"), at(one, "path"))))
    return out


def capped(values: Sequence[object], place: str) -> Sequence[object]:
    """Return ``values``; Unreadable if there are more than anyone has."""
    if len(values) > MAX_FOUND:
        raise Unreadable(f"{place}: there are over {MAX_FOUND}")
    return values


def name(what: object, where: object) -> str:
    """Return what to call a finding, of an identifier and a place."""
    parts = [part for part in (what, where) if isinstance(part, str) and part]
    return " in ".join(parts) or "one without a name"


def _accepted(finding: object, day: dt.date) -> bool:
    if not at(finding, "ignored"):
        return False
    until = _date(at(finding, "ignoredUntil"))
    return until is not None and until >= day


def _date(said: object) -> dt.date | None:
    try:
        if isinstance(said, str) and _DAY.fullmatch(said):
            return dt.date.fromisoformat(said)
    except ValueError:
        pass
    return None


def _aged(scan: dt.date, most: int | None, day: dt.date) -> Iterator[str]:
    age = (day - scan).days
    if most is not None and age > most:
        yield f"the scan is of {scan} and {age} days old, over {most}"
    elif age < -_SKEW:
        yield f"the scan is of {scan}, which is still to come"


def _rated(found: Sequence[Found], bound: int) -> Iterator[str]:
    bad = sorted((one for one in found if one.level >= bound), key=lambda one: -one.level)
    if not bad:
        return
    named = [f"{shown(one.name)} ({LEVELS[one.level]})" for one in bad[:_NAMED]]
    named += [f"and {len(bad) - _NAMED} more"] if len(bad) > _NAMED else []
    yield f"{len(bad)} found at {LEVELS[bound]} or above: {', '.join(named)}"
