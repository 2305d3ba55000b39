"""What ``cargo auditable`` wrote into a program: the crates that it was made of.

The section ``.dep-v0`` holds compressed JSON (PARSING.md and the schema of cargo-auditable). It is
never loaded, so linkers put it after everything that is.
"""

from __future__ import annotations

import json
import re
import zlib
from typing import Any, Final

from imgforge.analysis.facts import Package

ECOSYSTEM: Final = "cargo"
SECTION: Final = b"\0.dep-v0\0"
"""How a program's table of sections names it."""

MOST: Final = 8 << 20
"""Bytes of the JSON, as cargo-auditable itself bounds it."""

STREAM: Final = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
"""What a zlib stream (RFC 1950) may begin with."""

_START: Final = b'{"packages":['


class Incomplete(Exception):  # noqa: N818 - no error: more is to come
    """The list goes on after the bytes at hand."""


def begins(data: bytes) -> bool:
    """Whether the compressed list begins with ``data``."""
    try:
        return zlib.decompressobj().decompress(data[:512], len(_START)) == _START
    except zlib.error:
        return False


def listed(data: bytes) -> bytes:
    """Return the list that ``data`` begins with; Incomplete while it has no end."""
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(data, MOST)
    except zlib.error as error:
        raise ValueError(f"the list of crates cannot be inflated: {error}") from error
    if stream.eof:
        return found
    if len(found) == MOST or len(data) > MOST:
        raise ValueError(f"the list of crates has over {MOST} bytes")
    raise Incomplete


def packages(path: str, data: bytes) -> list[Package]:
    """Return the crates in a program; ValueError if ``data`` is no such list.

    Those that only built it (``kind`` is ``build``) are not there. What none of the others needs
    is the program itself.
    """
    try:
        rows = json.loads(data)["packages"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError("the list of crates is no JSON of the form") from error
    if not isinstance(rows, list) or not all(map(_sound, rows)):
        raise ValueError("the list of crates has rows of another form")
    found = []
    for row in rows:
        if row.get("kind") == "build":
            continue
        try:
            needed = [rows[index] for index in row.get("dependencies", ()) if index >= 0]
        except IndexError as error:
            raise ValueError("the list of crates names one that it lacks") from error
        needs = {other["name"] for other in needed if other.get("kind") != "build"}
        found.append(
            Package(
                ECOSYSTEM,
                row["name"],
                row["version"],
                purl="",
                licence="",
                supplier="",
                paths=(path,),
                depends=tuple(sorted(needs)),
                found="binary",
            )
        )
    return found


def _sound(row: Any) -> bool:  # noqa: ANN401 - whatever JSON holds
    return (
        isinstance(row, dict)
        and all(isinstance(row.get(key), str) and row[key] for key in ("name", "version"))
        and isinstance(row.get("dependencies", []), list)
        and all(type(index) is int for index in row.get("dependencies", ()))
    )
