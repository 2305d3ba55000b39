"""``Pipfile.lock`` (pipenv; pipfile-spec 6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from imgforge.locks.locked import Entry, Locked, Scope
from imgforge.locks.names import pypi
from imgforge.locks.shape import Spot, json_table, lines

_SECTIONS: Final[tuple[tuple[str, Scope], ...]] = (("default", "required"), ("develop", "dev"))


def read(path: str, text: str) -> Locked:
    """Read the lock: the packages, and those for development that are not among them."""
    table = json_table(path, text)
    numbers = lines(text, r'^\s*"([^"\\\n]+)": \{')
    found: dict[str, Entry] = {}
    for section, scope in _SECTIONS:
        for entry in _entries(path, table.get(section), section, scope, numbers):
            found.setdefault(entry.key, entry)
    return Locked(path, tuple(found.values()))


def _entries(
    path: str, value: object, section: str, scope: Scope, numbers: Mapping[str, int]
) -> Iterator[Entry]:
    for name, member in Spot(path).table(value, section).items():
        spot = Spot(path, numbers.get(name, 0))
        row = spot.table(member, name)
        yield Entry(
            "pypi",
            pypi(name),
            spot.word(row.get("version"), "version").lstrip("=").strip(),
            spot.line,
            hashes=tuple(sorted(spot.words(row.get("hashes"), "hashes"))),
            scope=scope,
            marker=spot.marker(row.get("markers")),
        )
