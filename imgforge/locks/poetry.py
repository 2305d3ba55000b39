"""``poetry.lock`` (python-poetry.org; formats 1 and 2), and ``pdm.lock``, which is alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from imgforge.locks.locked import Entry, Locked, Scope
from imgforge.locks.names import pypi
from imgforge.locks.shape import Spot, headers, toml_table

_MAIN: Final = frozenset({"main", "default"})
_EXTRA: Final = re.compile(r"\bextras?\b")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def read(path: str, text: str) -> Locked:
    """Read the lock; before format 2.1 it says of no package what it is there for."""
    table = toml_table(path, text)
    spot = Spot(path)
    rows = list(headers(path, text, "package", spot.items(table.get("package"), "package")))
    metadata = spot.table(table.get("metadata"), "metadata")
    old = spot.table(metadata.get("files"), "metadata.files")
    own = [pypi(at.name(row.get("name"), "name")) for at, row in rows if _is_beside(at, row)]
    found = [_entry(at, row, old) for at, row in rows if not _is_beside(at, row)]
    versions: dict[str, dict[str, None]] = {}
    for entry in found:
        versions.setdefault(entry.name, {})[entry.key] = None
    # PDM lists a package again for each set of extras.
    entries: dict[str, Entry] = {}
    for entry in found:
        needs = {key for name in entry.needs for key in versions.get(name, ())}
        known = entries.get(entry.key)
        needs |= set(known.needs) if known is not None else set()
        entries[entry.key] = (known or entry)._replace(needs=tuple(sorted(needs)))
    return Locked(path, tuple(entries.values()), own=tuple(dict.fromkeys(own)))


def _is_beside(spot: Spot, row: Mapping[str, Any]) -> bool:
    """Whether a package's sources lie in a folder of the project, so that nothing locks it."""
    source = spot.table(row.get("source"), "source")
    return source.get("type") == "directory" or ("path" in row and not row.get("files"))


def _entry(spot: Spot, row: Mapping[str, Any], old: Mapping[str, Any]) -> Entry:
    name = spot.name(row.get("name"), "name")
    files = spot.items(row.get("files") or old.get(name), "files")
    hashes = [spot.word(spot.table(f, "a file").get("hash"), "hash") for f in files]
    marker = _marker(spot, row)
    return Entry(
        "pypi",
        pypi(name),
        spot.name(row.get("version"), "version"),
        spot.line,
        hashes=tuple(sorted(filter(None, hashes))),
        needs=tuple(dict.fromkeys(_needs(spot, row.get("dependencies")))),
        scope=_scope(spot, row, marker),
        # Whoever has an extra's package was asked for it.
        marker="" if _EXTRA.search(marker) else marker,
    )


def _needs(spot: Spot, value: object) -> Iterator[str]:
    """Yield names: Poetry has a map of them, PDM a list of requirements."""
    names = value if isinstance(value, dict) else spot.words(value, "dependencies")
    for name in names:
        found = _NAME.match(name)
        if found is not None:
            yield pypi(found[0])


def _scope(spot: Spot, row: Mapping[str, Any], marker: str) -> Scope:
    groups = frozenset(spot.words(row.get("groups"), "groups"))
    if row.get("category") == "dev":  # format 1
        return "dev"
    if row.get("optional") is True or _EXTRA.search(marker):
        return "optional"
    if not groups or groups & _MAIN:
        return "required"
    # An extra of PDM and a group for development look alike here.
    return "dev" if any("dev" in group or "test" in group for group in groups) else "optional"


def _marker(spot: Spot, row: Mapping[str, Any]) -> str:
    said = row.get("markers", row.get("marker"))
    if not isinstance(said, dict):
        return spot.marker(said)
    each = [spot.marker(marker) for group, marker in said.items() if group in _MAIN]
    return each[0] if len(each) == 1 else ""
