"""What VEX documents say, whatever their format: plain data."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from imgforge.vulnerabilities.vulnerability import Status

JUSTIFICATIONS: Final = frozenset(
    {
        "component_not_present",
        "vulnerable_code_not_present",
        "vulnerable_code_not_in_execute_path",
        "vulnerable_code_cannot_be_controlled_by_adversary",
        "inline_mitigations_already_exist",
    }
)
"""Why something is not affected (CISA, Vulnerability Exploitability eXchange: Status
Justifications); OpenVEX and CSAF take these."""
_MOMENT: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.\d{1,12})?([Zz]|[+-]\d{2}:\d{2})"
)


class Product(NamedTuple):
    """What a statement is about: a package or an image, or some packages in it.

    ``names`` are purls and digests (``sha256:<hex>``), any of which means it. ``versions``
    narrows it if there are some, ``within`` are the names of its parts that are meant.
    """

    names: tuple[str, ...]
    versions: tuple[str, ...] = ()
    within: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """One statement: ``number`` counts from 1, ``ids`` are all names of the vulnerability.

    ``time`` is in UTC (``2026-01-31T12:00:00Z``), empty if nothing is said.
    """

    number: int
    ids: tuple[str, ...]
    status: Status
    justification: str
    time: str
    products: tuple[Product, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A VEX document that is believed. ``place`` says where it is from, ``digest`` is its own.

    ``refused`` are the statements that do not count, each with the reason in a line.
    """

    place: str
    format: str
    author: str
    digest: str
    statements: tuple[Said, ...]
    refused: tuple[str, ...] = ()


def moment(value: object) -> str:
    """Return an RFC 3339 time in UTC, without fractions; ValueError if it is none."""
    parts = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if parts is None:
        raise ValueError("its time is not RFC 3339")
    zone = "+00:00" if parts[3] in "Zz" else parts[3]
    try:
        when = dt.datetime.fromisoformat(f"{parts[1]}T{parts[2]}{zone}").astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("its time is not RFC 3339") from error
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def line(value: object, most: int = 300) -> str:
    """Return a text as one line of printable characters; empty if it is no text."""
    if not isinstance(value, str):
        return ""
    kept = " ".join(value[: 4 * most].split())
    return "".join(c if c.isprintable() else "\ufffd" for c in kept)[:most]
