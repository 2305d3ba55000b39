"""``pylock.toml`` (packaging.python.org, pylock.toml specification 1.0; PEP 751)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from imgforge.locks.locked import Entry, Locked, Scope
from imgforge.locks.names import pypi
from imgforge.locks.shape import Spot, headers, toml_table

_FILES: Final = ("sdist", "archive")
_GROUPS: Final = re.compile(r"\bin dependency_groups\b")
_EXTRAS: Final = re.compile(r"\bin extras\b")


def read(path: str, text: str) -> Locked:
    """Read the lock; what a marker asks of groups and extras becomes the scope."""
    table = toml_table(path, text)
    spot = Spot(path)
    version = spot.name(table.get("lock-version"), "lock-version")
    if version.partition(".")[0] != "1":
        raise spot.error(f"lock-version is {version!r}, known is 1")
    rows = list(headers(path, text, "packages", spot.items(table.get("packages"), "packages")))
    own = [pypi(at.name(row.get("name"), "name")) for at, row in rows if "directory" in row]
    rows = [(at, row) for at, row in rows if "directory" not in row]
    entries = [_entry(at, row) for at, row in rows]
    versions: dict[str, list[str]] = {}
    for entry in entries:
        versions.setdefault(entry.name, []).append(entry.key)
    return Locked(
        path,
        tuple(
            entry._replace(needs=tuple(sorted(set(_needs(at, row, versions)))))
            for entry, (at, row) in zip(entries, rows, strict=True)
        ),
        own=tuple(own),
    )


def _needs(spot: Spot, row: Mapping[str, Any], versions: Mapping[str, list[str]]) -> Iterator[str]:
    for item in spot.items(row.get("dependencies"), "dependencies"):
        need = spot.table(item, "a dependency")
        name = pypi(spot.name(need.get("name"), "name of a dependency"))
        said = spot.word(need.get("version"), "version")
        yield from [f"{name}@{said}"] if said else versions.get(name, [])


def _entry(spot: Spot, row: Mapping[str, Any]) -> Entry:
    files = [*spot.items(row.get("wheels"), "wheels"), *(row.get(kind) for kind in _FILES)]
    hashes = {
        f"{algorithm}:{spot.word(value, 'a hash').lower()}"
        for file in files
        for algorithm, value in spot.table(
            spot.table(file, "a file").get("hashes"), "hashes"
        ).items()
    }
    marker = spot.marker(row.get("marker"))
    scope: Scope = "required"
    if _GROUPS.search(marker):
        scope = "dev"
    elif _EXTRAS.search(marker):
        scope = "optional"
    return Entry(
        "pypi",
        pypi(spot.name(row.get("name"), "name")),
        spot.word(row.get("version"), "version"),
        spot.line,
        hashes=tuple(sorted(hashes)),
        scope=scope,
        # Whoever is there was asked for: only the rest of such a marker could say more.
        marker=marker if scope == "required" else "",
    )
