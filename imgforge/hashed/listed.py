"""What ``poetry.lock`` (2.1), ``pdm.lock`` (4.5) and ``pylock.toml`` (1) pin for one image.

All three say of each package when it is installed: by groups, extras and markers.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from imgforge.errors import InvalidInputError
from imgforge.hashed.pin import MENDS, Chosen, Member, Pin, Target, chosen, elsewhere, member
from imgforge.locks import requirements as requirements_file
from imgforge.locks.markers import environment
from imgforge.locks.names import pypi
from imgforge.locks.shape import Spot, headers, toml_table

_ELSEWHERE = ("git", "path", "url", "vcs", "archive")
_ARCHIVES = (".whl", ".zip", ".tar.gz")


def poetry(path: str, text: str, target: Target) -> Chosen:
    """Read Poetry's; older ones than those of Poetry 2 do not say which groups a package is of."""
    table, spot = toml_table(path, text), Spot(path)
    metadata = spot.table(table.get("metadata"), "metadata")
    _demand(spot, spot.word(metadata.get("lock-version"), "lock-version"), (2, 1), "poetry")
    wanted = {"main", *target.groups}
    found: list[Pin | Member] = []
    for at, row in _rows(path, text, table, "package"):
        groups = wanted.intersection(at.words(row.get("groups"), "groups"))
        said = row.get("markers")
        markers = {g: at.marker(m) for g, m in said.items()} if isinstance(said, dict) else {}
        single = "" if markers else at.marker(said)
        if any(_holds(markers.get(group, single), target) for group in groups):
            source = at.table(row.get("source"), "source")
            if source.get("type") == "directory":
                found.append(_member(at, row, source.get("url")))
                continue
            if source and source.get("type") != "legacy":
                raise elsewhere(_place(at), str(row.get("name")), str(source.get("type")))
            found.append(_pin(at, row, _of_files(at, row)))
    return chosen(path, found)


def pdm(path: str, text: str, target: Target) -> Chosen:
    """Read PDM's, where extras of the project are groups too."""
    table, spot = toml_table(path, text), Spot(path)
    metadata = spot.table(table.get("metadata"), "metadata")
    _demand(spot, spot.word(metadata.get("lock_version"), "lock_version"), (4, 5), "pdm")
    wanted = {"default", *target.groups, *target.extras}
    found: list[Pin | Member] = []
    for at, row in _rows(path, text, table, "package"):
        groups = wanted.intersection(at.words(row.get("groups"), "groups"))
        if groups and _holds(at.marker(row.get("marker")), target):
            if "path" in row and not str(row["path"]).endswith(_ARCHIVES):
                found.append(_member(at, row, row["path"]))
                continue
            _demand_index(at, row)
            found.append(_pin(at, row, _of_files(at, row)))
    return chosen(path, found)


def pylock(path: str, text: str, target: Target) -> Chosen:
    """Read the standard's (packaging.python.org, pylock.toml): its markers name groups, extras."""
    table, spot = toml_table(path, text), Spot(path)
    _demand(spot, spot.word(table.get("lock-version"), "lock-version"), (1, 0), "pylock")
    default = spot.words(table.get("default-groups"), "default-groups")
    found: list[Pin | Member] = []
    for at, row in _rows(path, text, table, "packages"):
        if _holds(at.marker(row.get("marker")), target, frozenset(default)):
            if "directory" in row:
                directory = at.table(row["directory"], "directory")
                inner = at.word(directory.get("subdirectory"), "subdirectory")
                lies = at.name(directory.get("path"), "path")
                found.append(_member(at, row, posixpath.join(lies, inner)))
                continue
            _demand_index(at, row)
            found.append(_pin(at, row, tuple(_of_tables(at, row))))
    return chosen(path, found)


def requirements(path: str, text: str, target: Target) -> Chosen:
    """Read a requirements file; the names of its members only their own folders tell.

    Without members an installer reads all of it. What has no hash there it refuses.
    """
    found = []
    for row in requirements_file.split(path, text).beside:
        at = Spot(path, row.line)
        if _holds(at.marker(row.marker), target):
            found.append(member(_place(at), "", "", row.folder))
    entries = requirements_file.read(path, text).entries if found else ()
    pins = tuple(Pin(e.name, e.version, e.hashes) for e in entries if _holds(e.marker, target))
    return chosen(path, found)._replace(pins=pins)


def _rows(
    path: str, text: str, table: Mapping[str, Any], name: str
) -> Iterator[tuple[Spot, Mapping[str, Any]]]:
    yield from headers(path, text, name, Spot(path).items(table.get(name), name))


def _demand(spot: Spot, version: str, least: tuple[int, int], manager: str) -> None:
    """Demand a format that is known: the same major version, and not an older minor one."""
    parts = version.split(".")
    numbers = [int(part) for part in parts[:2]] if all(p.isdigit() for p in parts) else []
    if len(numbers) != len(least) or numbers[0] != least[0] or numbers[1] < least[1]:
        raise InvalidInputError(
            f"{spot.path}: its format is {version!r}, known is {least[0]}.{least[1]}",
            hint=f"make it anew with a program of today: {MENDS[manager]}",
        )


def _demand_index(spot: Spot, row: Mapping[str, Any]) -> None:
    for kind in _ELSEWHERE:
        if kind in row:
            raise elsewhere(_place(spot), str(row.get("name")), kind)


def _place(spot: Spot) -> str:
    return f"{spot.path}:{spot.line}"


def _member(spot: Spot, row: Mapping[str, Any], folder: object) -> Member:
    name, version = spot.name(row.get("name"), "name"), spot.word(row.get("version"), "version")
    return member(_place(spot), pypi(name), version, spot.name(folder, "its folder"))


def _pin(spot: Spot, row: Mapping[str, Any], hashes: tuple[str, ...]) -> Pin:
    name = pypi(spot.name(row.get("name"), "name"))
    return Pin(name, spot.name(row.get("version"), "version"), hashes)


def _of_files(spot: Spot, row: Mapping[str, Any]) -> tuple[str, ...]:
    files = spot.items(row.get("files"), "files")
    hashes = (spot.word(spot.table(f, "a file").get("hash"), "hash") for f in files)
    return tuple(sorted({h for h in hashes if h.startswith(("sha256:", "sha512:"))}))


def _of_tables(spot: Spot, row: Mapping[str, Any]) -> Iterator[str]:
    for file in (*spot.items(row.get("wheels"), "wheels"), row.get("sdist")):
        hashes = spot.table(spot.table(file, "a file").get("hashes"), "hashes")
        for name in ("sha256", "sha512"):
            value = spot.word(hashes.get(name), "a hash").lower()
            if value:
                yield f"{name}:{value}"


def _holds(marker: str, target: Target, groups: Collection[str] = ()) -> bool:
    from packaging.markers import Marker

    if not marker:
        return True
    values: dict[str, Any] = dict(environment(target.architecture, target.python))
    asked = Marker(marker)
    if "extras" in marker or "dependency_groups" in marker:
        values |= {"extras": frozenset(target.extras)}
        values |= {"dependency_groups": frozenset({*target.groups, *groups})}
        return asked.evaluate(values, context="lock_file")
    return any(asked.evaluate({**values, "extra": e}) for e in target.extras or ("",))
