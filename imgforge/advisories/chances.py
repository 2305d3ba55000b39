"""What is exploited, and what may be: CISA's KEV catalogue and FIRST's EPSS scores."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from imgforge.advisories import osv
from imgforge.advisories.feed import Feed
from imgforge.errors import InvalidInputError

_CVE: Final = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}")
_SCORED: Final = re.compile(r"#model_version:[^,\s]*,score_date:([0-9T:.+-]+Z?)\s*")
_MOST: Final = 5_000_000


def read_kev(connection: sqlite3.Connection, source: int, feed: Feed, latest: str) -> str:
    """Replace a source's list of exploited CVEs; return the time it is of.

    InvalidInputError if the catalogue (cisa.gov/known-exploited-vulnerabilities-catalog) is
    malformed.
    """
    try:
        (document,) = feed
        released, cves = _catalogue(osv.decode(document.data), latest)
    except (ValueError, AttributeError) as error:
        raise InvalidInputError(f"{feed.path} is no list of CISA's: {error}") from error
    connection.execute("DELETE FROM exploited WHERE source = ?", (source,))
    connection.executemany("INSERT INTO exploited VALUES (?, ?)", ((cve, source) for cve in cves))
    return released


def read_epss(connection: sqlite3.Connection, source: int, feed: Feed, latest: str) -> str:
    """Replace a source's probabilities; return the time they are of.

    InvalidInputError if the scores (first.org/epss/data_stats: CSV of cve, epss, percentile) are
    malformed.
    """
    try:
        lines = _lines(feed)
        scored = _scored(lines, latest)
        rows = csv.reader(lines)
        connection.execute("DELETE FROM probability WHERE source = ?", (source,))
        connection.executemany(
            "INSERT INTO probability VALUES (?, ?, ?)",
            ((_cve(row[0]), source, _chance(row[1])) for row in rows if row),
        )
    except (ValueError, IndexError, csv.Error, sqlite3.IntegrityError) as error:
        raise InvalidInputError(f"{feed.path} has no EPSS scores: {error}") from error
    return scored


def _catalogue(value: dict[str, Any], latest: str) -> tuple[str, list[str]]:
    released = osv.moment(str(value.get("dateReleased")))
    entries = value.get("vulnerabilities")
    if not isinstance(entries, list) or not entries:
        raise ValueError("it lists no vulnerabilities")
    _come(released, latest)
    return released, sorted({_cve(entry.get("cveID")) for entry in entries})


def _scored(lines: Iterator[str], latest: str) -> str:
    """Read the first two lines; return of which time the scores are."""
    found = _SCORED.fullmatch(next(lines, ""))
    if found is None:
        raise ValueError("its first line does not say of which day it is")
    scored = osv.moment(re.sub(r"([+-][0-9]{2})([0-9]{2})$", r"\1:\2", found.group(1)))
    _come(scored, latest)
    if next(lines, "").split(",")[:2] != ["cve", "epss"]:
        raise ValueError("its columns are not cve and epss")
    return scored


def _lines(feed: Feed) -> Iterator[str]:
    rest = b""
    count = 0
    for piece in feed.pieces():
        rest += piece
        *whole, rest = rest.split(b"\n")
        if len(rest) > io.DEFAULT_BUFFER_SIZE:
            raise ValueError("it has a line that is too long")
        count += len(whole)
        if count > _MOST:
            raise ValueError(f"it has over {_MOST} lines")
        for line in whole:
            yield line.decode("ascii").rstrip("\r")
    if rest:
        yield rest.decode("ascii").rstrip("\r")


def _cve(value: object) -> str:
    if not isinstance(value, str) or not _CVE.fullmatch(value):
        raise ValueError(f"{value!a:.60} is no CVE")
    return value


def _chance(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError(f"{text!a:.40} is no probability")
    return value


def _come(time: str, latest: str) -> None:
    if time > latest:
        raise ValueError(f"its time, {time}, has not come yet")
