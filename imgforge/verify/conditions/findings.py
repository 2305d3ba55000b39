"""imgforge's own findings that are attested, and what all that is found has in common.

What a policy accepted counts again from the day on which its acceptance ends, and always if it has
no end.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from imgforge.severity import LEVELS
from imgforge.verify.conditions.shown import Unreadable, at, items, shown, text

MAX_FOUND: Final = 1_000_000
WORST: Final = len(LEVELS) - 1
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]{1,12})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


class Found(NamedTuple):
    """One thing that counts: its place in LEVELS, what it is called, and where it is.

    ``what`` and ``where`` may be anything: few of many are ever named.
    """

    level: int
    what: object
    where: object = None

    @property
    def name(self) -> str:
        """What to call it, of any length."""
        parts = [part for part in (self.what, self.where) if isinstance(part, str) and part]
        return " in ".join(parts) or "one without a name"


def day(predicate: object) -> dt.date:
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


def found(predicate: object, today: dt.date) -> Sequence[Found]:
    """Return imgforge's own findings that count on ``today``; Unreadable if they are not such."""
    if not text(predicate, "scanner").startswith("imgforge "):
        raise Unreadable("scanner: it is not imgforge that wrote these findings")
    out = []
    for index, one in enumerate(capped(items(predicate, "findings"), "findings")):
        severity = at(one, "severity")
        if not isinstance(severity, str) or severity not in LEVELS:
            raise Unreadable(f"findings[{index}].severity: {shown(severity)} is no severity")
        if not _accepted(one, today):
            out.append(Found(LEVELS.index(severity), at(one, "check"), at(one, "path")))
    return out


def capped(values: Sequence[object], place: str) -> Sequence[object]:
    """Return ``values``; Unreadable if there are more than anyone has."""
    if len(values) > MAX_FOUND:
        raise Unreadable(f"{place}: there are over {MAX_FOUND}")
    return values


def _accepted(finding: object, today: dt.date) -> bool:
    if not at(finding, "ignored"):
        return False
    # That something does no harm (VEX) needs no end.
    return bool(at(finding, "vex")) or holds(at(finding, "ignoredUntil"), today)


def holds(until: object, today: dt.date) -> bool:
    """Whether an acceptance has a last day, and that has not passed."""
    last = _date(until)
    return last is not None and last >= today


def _date(said: object) -> dt.date | None:
    try:
        if isinstance(said, str) and _DAY.fullmatch(said):
            return dt.date.fromisoformat(said)
    except ValueError:
        pass
    return None
