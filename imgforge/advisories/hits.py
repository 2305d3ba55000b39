"""Whether rows of the database hit a version."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple

from imgforge.advisories import ecosystems, versions
from imgforge.advisories.advisory import Severity
from imgforge.advisories.ecosystems import Listed
from imgforge.advisories.osv import Bound, bounded

UNKNOWN: Final = "semver"
"""The rule of ecosystems that nobody here knows."""


class Hit(NamedTuple):
    """A row that hits: the version that mends it, its own ratings, and the ecosystem it is in."""

    fixed: str
    severities: tuple[Severity, ...]
    ecosystem: str


class Row(NamedTuple):
    """A row of the database whose intervals are read; the rest as the database has it."""

    number: int
    bounds: Sequence[Bound]
    enumerated: str
    cannot: str
    severities: str


def row(rule: str, columns: tuple[Any, ...]) -> Row:
    """Read what the database has (its first column is the advisory's number); or ValueError."""
    number, ranges, enumerated, cannot, severities = columns
    return Row(number, _bounds(rule, ranges) if ranges else (), enumerated, cannot, severities)


def judge(
    listed: Listed,
    rows: Sequence[Row],
    found: dict[int, Hit],
    unread: dict[str, list[int]],
) -> None:
    """Say of each row whether it hits ``listed``: into ``found``, or why that is not known."""
    rule = ecosystems.rule(listed.ecosystem) or UNKNOWN
    key, slip = None, ""
    try:
        key = versions.key(rule, listed.version)
    except ValueError:
        slip = f"its version {listed.version!a} is no version by the rules of {rule}"
    for number, bounds, enumerated, cannot, severities in rows:
        named = bool(enumerated) and listed.version in enumerated.split("\n")
        if key is None:
            if named:
                found[number] = Hit("", severities_of(severities), listed.ecosystem)
            elif bounds:
                unread.setdefault(slip, []).append(number)
            continue
        inside = [bound for bound in bounds if bound.has(key)]
        if not inside and not named and enumerated:
            named = _equal(rule, key, enumerated)
        if inside or named:
            fixed = _fixed(inside or [b for b in bounds if b.how == "<" and key < b.upper])
            if number not in found or not found[number].fixed:
                found[number] = Hit(fixed, severities_of(severities), listed.ecosystem)
        elif cannot:
            unread.setdefault(cannot, []).append(number)


def _bounds(rule: str, ranges: str) -> list[Bound]:
    intervals = []
    for line in ranges.split("\n"):
        lower, how, upper = line.split("\t")
        intervals.append((lower, how, upper))
    return bounded(rule, intervals)


def _equal(rule: str, key: versions.Key, enumerated: str) -> bool:
    for version in enumerated.split("\n"):
        try:
            if versions.key(rule, version) == key:
                return True
        except ValueError:  # as a text it was compared before
            continue
    return False


def _fixed(bounds: Sequence[Bound]) -> str:
    if len(bounds) == 1:  # nearly always
        return bounds[0].text if bounds[0].how == "<" else ""
    ends = [(bound.upper, bound.text) for bound in bounds if bound.how == "<"]
    return min(ends, key=itemgetter(0))[1] if ends else ""


@lru_cache(maxsize=1 << 12)
def severities_of(text: str) -> tuple[Severity, ...]:
    """Read severities as the database keeps them; ValueError or TypeError if damaged."""
    return tuple(Severity(*each) for each in json.loads(text)) if text else ()
