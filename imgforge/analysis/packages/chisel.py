"""Ubuntu's chiselled images: ``var/lib/chisel/manifest.wall``, which stands for dpkg's records.

A zstd-compressed list of JSON objects, one a line, the first of which says what it is ("jsonwall";
chisel's manifest, schema 1.0): packages, their slices, paths, and which slices own which path.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any, Final

from imgforge.analysis.compression import CompressionError, unzstd
from imgforge.analysis.databases import CHISEL
from imgforge.analysis.facts import Claim, Package
from imgforge.analysis.packages.deb import ECOSYSTEM

_WINDOW: Final = 8 << 20
"""Bytes of a zstd window: what every decoder has to support (RFC 8878, 3.1.1.1.2)."""

_LARGEST: Final = 64 << 20
"""Bytes that a manifest may have; Ubuntu's largest images have some hundred thousand."""

NAMES: Final = frozenset({"manifest.wall"})


_ROWS: Final = 1_000_000
_LONGEST: Final = 1 << 20
"""Bytes of one row."""


def wants(path: str, name: str) -> bool:
    """Whether this is the manifest."""
    return name == "manifest.wall" and path == CHISEL


def read(path: str, data: bytes) -> list[Package]:
    """Return the packages; ValueError if this is no such manifest."""
    return [
        Package(
            ECOSYSTEM,
            _text(row, "name"),
            _text(row, "version"),
            purl="",
            licence="",
            supplier="",
            paths=(path,),
            architecture=_text(row, "arch"),
            hashes=(f"sha256:{_text(row, 'sha256')}",),
        )
        for row in _rows(data)
        if row.get("kind") == "package"
    ]


def claims(path: str, data: bytes) -> list[Claim]:
    """Return what each package's slices own; folders, which end in a slash, are left out."""
    files: dict[str, dict[str, None]] = {}
    for row in _rows(data):
        if row.get("kind") != "content":
            continue
        owned = _text(row, "path")
        if not owned.endswith("/"):
            package = _text(row, "slice").partition("_")[0]
            files.setdefault(package, {})[owned.lstrip("/")] = None
    return [
        Claim(path, f"{ECOSYSTEM}:{package}", "\n".join(owned)) for package, owned in files.items()
    ]


def _rows(data: bytes) -> Iterator[dict[str, Any]]:
    plain = _plain(data)
    if plain.count(b"\n") > _ROWS:
        raise ValueError(f"the manifest has over {_ROWS} rows")
    lines = plain.split(b"\n")
    first = _row(lines[0])
    if "jsonwall" not in first or first.get("schema") != "1.0":
        raise ValueError(f"no chisel manifest of a schema that is known: {first!r}"[:200])
    rows = [line for line in lines[1:] if line]
    if first.get("count") != len(rows) + 1:
        raise ValueError(f"the manifest has {len(rows) + 1} rows, not {first.get('count')!r}")
    return map(_row, rows)


def _plain(data: bytes) -> bytes:
    pieces, size = [], 0
    try:
        for piece in unzstd(io.BytesIO(data).read, _WINDOW):
            size += len(piece)
            if size > _LARGEST:
                raise ValueError(f"the manifest expands to over {_LARGEST} bytes")
            pieces.append(piece)
    except CompressionError as error:
        raise ValueError(str(error)) from error
    return b"".join(pieces)


def _row(line: bytes) -> dict[str, Any]:
    if len(line) > _LONGEST:
        raise ValueError(f"a row of the manifest has over {_LONGEST} bytes")
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"a row of the manifest is no JSON: {error}"[:200]) from error
    if not isinstance(row, dict):
        raise ValueError("a row of the manifest is no object")  # noqa: TRY004 - one error
    return row


def _text(row: dict[str, Any], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value or "\n" in value:
        raise ValueError(f"a row of the manifest has no {key}")
    return value
