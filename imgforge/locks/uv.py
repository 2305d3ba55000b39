"""``uv.lock`` (docs.astral.sh/uv, lockfile; version 1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from imgforge.locks.locked import Entry, Locked
from imgforge.locks.names import pypi
from imgforge.locks.shape import Spot, headers, reached, scoped, toml_table

_OWN = ("directory", "editable", "virtual")


def read(path: str, text: str) -> Locked:
    """Read the lock: what the project's own packages need is required, their extras optional.

    Of a workspace only what the project beside the lock needs is required, if there is one. A
    marker that every way to a package has is the package's own.
    """
    table = toml_table(path, text)
    spot = Spot(path)
    if table.get("version") != 1:
        raise spot.error(f"version is {table.get('version')!r}, known is 1")
    rows = list(headers(path, text, "package", spot.items(table.get("package"), "package")))
    versions: dict[str, list[str]] = {}
    for at, row in rows:
        name = pypi(at.name(row.get("name"), "name"))
        versions.setdefault(name, []).append(at.word(row.get("version"), "version"))
    projects: list[str] = []
    entries, edges = [], dict[str, tuple[str, ...]]()
    markers: dict[str, set[str]] = {}
    roots: dict[str, dict[str, None]] = {"required": {}, "optional": {}}
    sources = [at.table(row.get("source"), "source") for at, row in rows]
    whole = any("." in {source.get(kind) for kind in _OWN} for source in sources)
    for (at, row), source in zip(rows, sources, strict=True):
        needs = list(_needs(at, row.get("dependencies"), versions))
        extras = at.table(row.get("optional-dependencies"), "optional-dependencies")
        optional = [n for group in extras.values() for n in _needs(at, group, versions)]
        for key, marker in (*needs, *optional):
            markers.setdefault(key, set()).add(marker)
        entry = _entry(at, row)
        folder = next((source[kind] for kind in _OWN if kind in source), None)
        if folder is not None:
            first = "optional" if whole and folder != "." else "required"
            roots[first] |= dict.fromkeys(key for key, _ in needs)
            edges[entry.key] = tuple(key for key, _ in needs)
            roots["optional"] |= dict.fromkeys(key for key, _ in optional)
            projects.append(entry.name)
            continue
        # Which extras somebody asks for, only the needs of others say: all of them may be there.
        entry = entry._replace(needs=tuple(sorted({key for key, _ in (*needs, *optional)})))
        edges[entry.key] = tuple(key for key, _ in needs)
        entries.append(entry)
    required, loose = (reached(roots[kind], edges) for kind in ("required", "optional"))
    return Locked(
        path,
        tuple(
            entry._replace(marker=_joined(markers.get(entry.key, set())))
            for entry in scoped(entries, required, loose)
        ),
        own=tuple(projects),
    )


def _joined(markers: set[str]) -> str:
    if not markers or "" in markers:
        return ""
    return " or ".join(f"({marker})" for marker in sorted(markers))


def _needs(
    spot: Spot, value: object, versions: Mapping[str, list[str]]
) -> Iterator[tuple[str, str]]:
    for item in spot.items(value, "dependencies"):
        row = spot.table(item, "a dependency")
        name = pypi(spot.name(row.get("name"), "name of a dependency"))
        said = spot.word(row.get("version"), "version")
        marker = spot.marker(row.get("marker"))
        for version in [said] if said else versions.get(name, []):
            yield f"{name}@{version}", marker


def _entry(spot: Spot, row: Mapping[str, Any]) -> Entry:
    files = [*spot.items(row.get("wheels"), "wheels"), row.get("sdist")]
    hashes = [spot.word(spot.table(f, "a file").get("hash"), "hash") for f in files]
    return Entry(
        "pypi",
        pypi(spot.name(row.get("name"), "name")),
        spot.word(row.get("version"), "version"),
        spot.line,
        hashes=tuple(sorted(filter(None, hashes))),
    )
