"""``packages.lock.json`` of NuGet (learn.microsoft.com, repeatable restore; versions 1 and 2)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from imgforge.locks.locked import Entry, Locked
from imgforge.locks.shape import Spot, json_table, lines


def read(path: str, text: str) -> Locked:
    """Read the lock: packages of all target frameworks; other projects are no packages."""
    table = json_table(path, text)
    spot = Spot(path)
    if table.get("version") not in (1, 2):
        raise spot.error(f"version is {table.get('version')!r}, known are 1 and 2")
    numbers = lines(text, r'^\s*"([^"\\\n]+)": \{')
    found: dict[str, Entry] = {}
    for framework, value in spot.table(table.get("dependencies"), "dependencies").items():
        members = spot.table(value, framework)
        versions = {
            name.lower(): spot.word(spot.table(row, name).get("resolved"), "resolved")
            for name, row in members.items()
        }
        for name, row in members.items():
            at = Spot(path, numbers.get(name, 0))
            if row.get("type") != "Project":
                entry = _entry(at, name, row, versions)
                found.setdefault(entry.key, entry)
    return Locked(path, tuple(found.values()))


def _entry(spot: Spot, name: str, row: Mapping[str, Any], versions: Mapping[str, str]) -> Entry:
    needs = spot.table(row.get("dependencies"), "dependencies")
    digest = spot.word(row.get("contentHash"), "contentHash")
    try:
        hashes = (f"sha512:{base64.b64decode(digest, validate=True).hex()}",) if digest else ()
    except ValueError as error:
        raise spot.error(f"the contentHash of {name} is no base64") from error
    return Entry(
        *("nuget", name, spot.name(row.get("resolved"), "resolved"), spot.line),
        hashes=hashes,
        needs=tuple(
            sorted(f"{n.lower()}@{versions[n.lower()]}" for n in needs if n.lower() in versions)
        ),
    )
