"""``Cargo.lock`` (doc.rust-lang.org/cargo; formats 1 to 4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from imgforge.locks.locked import Entry, Locked
from imgforge.locks.shape import Spot, headers, toml_table


def read(path: str, text: str) -> Locked:
    """Read the lock, the project's own packages included: programs list them as well."""
    table = toml_table(path, text)
    spot = Spot(path)
    rows = list(headers(path, text, "package", spot.items(table.get("package"), "package")))
    # Format 1 has the checksums at the end of the file.
    metadata = spot.table(table.get("metadata"), "metadata")
    sums = {
        tuple(key.split(" ", 3)[1:3]): spot.word(value, key)
        for key, value in metadata.items()
        if key.startswith("checksum ")
    }
    versions: dict[str, list[str]] = {}
    for at, row in rows:
        name, version = _own(at, row)
        versions.setdefault(name, []).append(version)
    return Locked(path, tuple(_entry(at, row, versions, sums) for at, row in rows))


def _own(spot: Spot, row: Mapping[str, Any]) -> tuple[str, str]:
    return spot.name(row.get("name"), "name"), spot.name(row.get("version"), "version")


def _entry(
    spot: Spot,
    row: Mapping[str, Any],
    versions: Mapping[str, Sequence[str]],
    sums: Mapping[tuple[str, ...], str],
) -> Entry:
    name, version = _own(spot, row)
    checksum = spot.word(row.get("checksum"), "checksum") or sums.get((name, version), "")
    needs = spot.words(row.get("dependencies"), "dependencies")
    return Entry(
        *("cargo", name, version, spot.line),
        hashes=(f"sha256:{checksum.lower()}",) if checksum and checksum != "<none>" else (),
        needs=tuple(sorted({key for need in needs for key in _needs(need, versions)})),
    )


def _needs(said: str, versions: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Read ``name``, ``name version`` or ``name version (source)``."""
    name, _, rest = said.partition(" ")
    version = rest.partition(" ")[0]
    for each in [version] if version else versions.get(name, ()):
        yield f"{name}@{each}"
