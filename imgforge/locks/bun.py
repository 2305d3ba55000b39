"""``bun.lock``: JSON with commas before closing brackets (bun.sh/docs, lockfile; version 0 and 1).

A key is the path by which a package is found: ``a/b`` is the ``b`` that ``a`` has for itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from imgforge.analysis.packages.integrity import digests
from imgforge.locks.locked import Entry, Locked
from imgforge.locks.npm import exact, named
from imgforge.locks.shape import Spot, json_table, lines, reached, scoped

_TRAILING: Final = re.compile(r'("(?:[^"\\\n]|\\.)*")|,(?=\s*[}\]])')
_KINDS: Final = ("dependencies", "optionalDependencies", "peerDependencies")


def read(path: str, text: str) -> Locked:
    """Read the lock: packages of all workspaces together."""
    table = json_table(path, _TRAILING.sub(lambda found: found[1] or "", text))
    spot = Spot(path)
    packages = spot.table(table.get("packages"), "packages")
    numbers = lines(text, r'^\s*"([^"\\\n]+)": \[')
    keys, rows = {}, {}
    for at, value in packages.items():
        here = Spot(path, numbers.get(at, 0))
        row = here.items(value, at)
        full = here.name(row[0] if row else None, at)
        cut = full.find("@", 1)
        name, version = (full[:cut], full[cut + 1 :]) if cut > 0 else (full, "")
        if version.startswith(("workspace:", "link:", "root:")):
            continue
        keys[at] = f"{name}@{exact(version)}"
        rows[at] = here, row
    entries = [_entry(here, at, row, keys) for at, (here, row) in rows.items()]
    edges: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        edges[entry.key] = edges.get(entry.key, ()) + entry.needs
    kinds = [dict.fromkeys(_roots(spot, table, kind, keys)) for kind in _KINDS[:2]]
    required, optional = (reached(kind, edges) for kind in kinds)
    return Locked(path, scoped(entries, required, optional))


def _roots(
    spot: Spot, table: Mapping[str, Any], kind: str, keys: Mapping[str, str]
) -> Iterator[str]:
    for name, value in spot.table(table.get("workspaces"), "workspaces").items():
        own = spot.table(value, f"workspace {name}")
        for need in spot.table(own.get(kind), kind):
            if need in keys:
                yield keys[need]


def _entry(spot: Spot, at: str, row: list[Any], keys: Mapping[str, str]) -> Entry:
    said = next((spot.table(item, at) for item in row if isinstance(item, dict)), {})
    last = row[-1] if len(row) > 1 else ""
    full, _, version = keys[at].rpartition("@")
    scope, name = named(full)
    names = [n for kind in _KINDS for n in spot.table(said.get(kind), kind)]
    return Entry(
        *("npm", name, version, spot.line, scope),
        hashes=digests(last) if isinstance(last, str) else (),
        needs=tuple(sorted({found for n in names if (found := _resolved(at, n, keys))})),
        os=_limit(spot, said, "os"),
        cpu=_limit(spot, said, "cpu"),
    )


def _limit(spot: Spot, said: Mapping[str, Any], kind: str) -> tuple[str, ...]:
    value = said.get(kind)
    return spot.words([value] if isinstance(value, str) else value, kind)


def _resolved(at: str, name: str, keys: Mapping[str, str]) -> str:
    while at:
        found = keys.get(f"{at}/{name}")
        if found:
            return found
        parent = at.rpartition("/")[0]
        # A scope is a part of the name.
        at = parent.rpartition("/")[0] if parent.rpartition("/")[2].startswith("@") else parent
    return keys.get(name, "")
