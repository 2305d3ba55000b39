"""Conditions on what was found: how bad the worst is, and how old the scan.

What nobody rated counts as the worst.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final

from imgforge.severity import LEVELS
from imgforge.signing.statement import FINDINGS, VULNERABILITIES, VULNS
from imgforge.verify.conditions import findings, vulnerabilities
from imgforge.verify.conditions.findings import Found
from imgforge.verify.conditions.shown import Unreadable, shown
from imgforge.verify.demand import Attested

_NAMED: Final = 5
_SKEW: Final = 1
"""Days that clocks may differ by."""


def day(kind: str, predicate: object) -> dt.date:
    """Return the day (UTC) of a scan that has the predicate type ``kind``.

    Unreadable if it does not say.
    """
    return findings.day(predicate) if kind == FINDINGS else vulnerabilities.day(predicate)


def reasons(attested: Attested, predicate: object, today: dt.date) -> Iterator[str]:
    """Yield why the findings are too bad, or their scan too old, on ``today`` (UTC)."""
    if attested.type not in {FINDINGS, VULNERABILITIES, *VULNS}:
        yield f"{shown(attested.type)} is no type of findings that is read here"
        return
    try:
        scan = day(attested.type, predicate)
        # Also where no age is demanded: the newest scan counts, and none is newer than this one.
        yield from _aged(scan, attested.max_age, today)
    except Unreadable as error:
        if attested.max_age is not None:
            yield str(error)
    if attested.below is not None:
        found = _found(attested.type, predicate, today)
        yield from _rated(found, LEVELS.index(attested.below))


def _found(kind: str, predicate: object, today: dt.date) -> Sequence[Found]:
    if kind == FINDINGS:
        return findings.found(predicate, today)
    return vulnerabilities.found(kind, predicate, today)


def _aged(scan: dt.date, most: int | None, today: dt.date) -> Iterator[str]:
    age = (today - scan).days
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
