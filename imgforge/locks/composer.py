"""``composer.lock`` (getcomposer.org)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from imgforge.locks.locked import Entry, Locked, Scope
from imgforge.locks.shape import Spot, json_table, lines

_SECTIONS: Final[tuple[tuple[str, Scope], ...]] = (
    ("packages", "required"),
    ("packages-dev", "dev"),
)


def read(path: str, text: str) -> Locked:
    """Read the lock; what PHP itself offers (``php``, ``ext-…``) is no package."""
    table = json_table(path, text)
    spot = Spot(path)
    if "packages" not in table:
        raise spot.error("it has no packages")
    numbers = lines(text, r'^\s*"name": "([^"\\\n]+/[^"\\\n]+)"')
    rows = [
        (spot.table(item, section), scope)
        for section, scope in _SECTIONS
        for item in spot.items(table.get(section), section)
    ]
    keys: dict[str, str] = {}
    for row, _ in rows:
        name = spot.name(row.get("name"), "name")
        key = f"{name.lower()}@{spot.name(row.get('version'), 'version')}"
        keys[name.lower()] = key
        for kind in ("provide", "replace"):
            for other in spot.table(row.get(kind), kind):
                keys.setdefault(other.lower(), key)
    return Locked(path, tuple(_entries(path, rows, numbers, keys)))


def _entries(
    path: str,
    rows: list[tuple[Mapping[str, Any], Scope]],
    numbers: Mapping[str, int],
    keys: Mapping[str, str],
) -> Iterator[Entry]:
    for row, scope in rows:
        full = str(row["name"])
        spot = Spot(path, numbers.get(full, 0))
        vendor, _, name = full.lower().rpartition("/")
        dist = spot.table(row.get("dist"), "dist")
        digest = spot.word(dist.get("shasum"), "shasum")
        needs = spot.table(row.get("require"), "require")
        yield Entry(
            *("composer", name, spot.name(row.get("version"), "version"), spot.line, vendor),
            hashes=(f"sha1:{digest.lower()}",) if digest else (),
            needs=tuple(sorted({keys[n.lower()] for n in needs if n.lower() in keys})),
            scope=scope,
        )
