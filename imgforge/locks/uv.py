"""``uv.lock`` (docs.astral.sh/uv, lockfile; version 1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

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
        groups = at.table(row.get("optional-dependencies"), "optional-dependencies")
        extras = {name: list(_needs(at, group, versions)) for name, group in groups.items()}
        optional = [need for group in extras.values() for need in group]
        for need in (*needs, *optional):
            markers.setdefault(need.key, set()).add(need.marker)
        entry = _entry(at, row)
        folder = next((source[kind] for kind in _OWN if kind in source), None)
        if folder is not None:
            first = "optional" if whole and folder != "." else "required"
            roots[first] |= dict.fromkeys(node for need in needs for node in need.nodes)
            edges[entry.key] = tuple(node for need in needs for node in need.nodes)
            roots["optional"] |= dict.fromkeys(node for need in optional for node in need.nodes)
            projects.append(entry.name)
            continue
        # Which extras somebody asks for, only the needs of others say: all of them may be there.
        entry = entry._replace(needs=tuple(sorted({need.key for need in (*needs, *optional)})))
        edges[entry.key] = tuple(node for need in needs for node in need.nodes)
        for name, group in extras.items():
            nodes = tuple(node for need in group for node in need.nodes)
            edges[f"{entry.key}[{pypi(name)}]"] = nodes
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


class _Need(NamedTuple):
    """A package that another needs, where ``marker`` holds; ``extras`` are asked for with it."""

    key: str
    marker: str
    extras: tuple[str, ...]

    @property
    def nodes(self) -> tuple[str, ...]:
        """What is reached by it: the package, and each of the extras that are asked for."""
        return (self.key, *(f"{self.key}[{extra}]" for extra in self.extras))


def _joined(markers: set[str]) -> str:
    if not markers or "" in markers:
        return ""
    return " or ".join(f"({marker})" for marker in sorted(markers))


def _needs(spot: Spot, value: object, versions: Mapping[str, list[str]]) -> Iterator[_Need]:
    for item in spot.items(value, "dependencies"):
        row = spot.table(item, "a dependency")
        name = pypi(spot.name(row.get("name"), "name of a dependency"))
        said = spot.word(row.get("version"), "version")
        marker = spot.marker(row.get("marker"))
        asked = spot.items(row.get("extra"), "extra")
        extras = tuple(pypi(spot.name(extra, "an extra")) for extra in asked)
        for version in [said] if said else versions.get(name, []):
            yield _Need(f"{name}@{version}", marker, extras)


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
