"""What the reports of scanners have in common: texts in lines, days, scores."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from typing import Final

from imgforge.severity import LEVELS, Level
from imgforge.verify.conditions import vulnerabilities as words
from imgforge.verify.conditions.shown import at
from imgforge.vulnerabilities.vex.said import line

MAX_FOUND: Final = 1_000_000
"""The most vulnerabilities of one report."""
_ID: Final = re.compile(r"[A-Za-z][A-Za-z0-9:._/-]{1,199}")


def identifier(value: object) -> str:
    """Return the name of a vulnerability; ValueError if it cannot be one."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise ValueError(f"{line(value, 60)!a} is no name of a vulnerability")
    return value


def others(values: Iterable[object], own: str) -> tuple[str, ...]:
    """Return further names, sorted; what cannot be one is left out."""
    found = {v for v in values if isinstance(v, str) and _ID.fullmatch(v)}
    return tuple(sorted(found - {own}))


def listed(value: object, key: str, place: str) -> list[object]:
    """Return the list under ``key``, empty if there is none; ValueError if it is something else."""
    found = at(value, key)
    if found is None:
        return []
    if not isinstance(found, list) or len(found) > MAX_FOUND:
        raise ValueError(f"{place}{key}: it is no list of at most {MAX_FOUND}")
    return found


def day(value: object) -> str:
    """Return the day of a time, or an empty text: also if there is no such day."""
    try:
        return dt.date.fromisoformat(value[:10]).isoformat() if isinstance(value, str) else ""
    except ValueError:
        return ""


def level(word: object, scores: Iterable[object]) -> Level:
    """Return the level that a scanner's word means, else its scores; the worst without either."""
    return LEVELS[words.worst((word,), scores)]


def best(ratings: Iterable[tuple[object, object]]) -> tuple[float, str]:
    """Return the first score and vector that are such, of pairs in order of preference."""
    return next(_rated(ratings), (0.0, ""))


def _rated(ratings: Iterable[tuple[object, object]]) -> Iterator[tuple[float, str]]:
    for score, vector in ratings:
        if isinstance(score, int | float) and not isinstance(score, bool) and 0 < score <= 10:  # noqa: PLR2004
            yield float(score), line(vector, 200)
