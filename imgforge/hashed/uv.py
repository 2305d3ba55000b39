"""What ``uv.lock`` pins for one image: reached from the project by edges whose markers hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from imgforge.errors import InvalidInputError
from imgforge.hashed.pin import Chosen, Member, Pin, Target, chosen, elsewhere, member
from imgforge.locks.markers import environment
from imgforge.locks.names import pypi
from imgforge.locks.shape import Spot, headers, toml_table

FOLDERS: Final = ("directory", "editable", "virtual")
"""Sources that are folders beside the lock."""
ANY: Final = "*"


class _Row(NamedTuple):
    spot: Spot
    table: Mapping[str, Any]


class _Need(NamedTuple):
    name: str
    version: str
    extras: tuple[str, ...]


def read(path: str, text: str, project: str, target: Target) -> Chosen:
    """Return what the package ``project`` of the lock needs; InvalidInputError names the line."""
    spot, rows = Spot(path), _rows(path, text)
    if project not in rows:
        raise spot.error(f"the project {project} is not in it")
    own = rows[project][0]
    pending = list(_roots(own, target))
    seen = {(project, "")}
    found: list[Pin | Member] = []
    while pending:
        need = pending.pop()
        row = _chosen(spot, rows.get(need.name, []), need, target)
        new = [extra for extra in ("", *need.extras) if (need.name, extra) not in seen]
        seen |= {(need.name, extra) for extra in new}
        if "" in new:
            found.append(_found(row))
            pending += _needs(row.spot, row.table.get("dependencies"), target)
        extras = row.spot.table(row.table.get("optional-dependencies"), "optional-dependencies")
        for extra in filter(None, new):
            pending += _needs(row.spot, extras.get(extra), target)
    return chosen(path, found)


def _rows(path: str, text: str) -> dict[str, list[_Row]]:
    table, spot = toml_table(path, text), Spot(path)
    if table.get("version") != 1:
        raise spot.error(f"version is {table.get('version')!r}, known is 1")
    rows: dict[str, list[_Row]] = {}
    for at, row in headers(path, text, "package", spot.items(table.get("package"), "package")):
        rows.setdefault(pypi(at.name(row.get("name"), "name")), []).append(_Row(at, row))
    return rows


def folder(path: str, text: str, name: str) -> str:
    """Return where the workspace has its member ``name``, from the lock's folder.

    InvalidInputError lists the members if it has none of that name.
    """
    members = {
        other: _folder(row)
        for other, rows in _rows(path, text).items()
        for row in rows
        if _folder(row)
    }
    if name not in members:
        raise InvalidInputError(
            f"{path} has no member {name!r}", details=[f"{n}: {f}" for n, f in members.items()]
        )
    return member(path, name, "", members[name]).folder


def _folder(row: _Row) -> str:
    """Return the folder of a package that lies beside the lock; empty if it lies elsewhere."""
    source = row.spot.table(row.table.get("source"), "source")
    return next((row.spot.word(source[kind], kind) for kind in FOLDERS if kind in source), "")


def _roots(own: _Row, target: Target) -> Iterator[_Need]:
    extras = own.spot.table(own.table.get("optional-dependencies"), "optional-dependencies")
    groups = own.spot.table(own.table.get("dev-dependencies"), "dev-dependencies")
    yield from _needs(own.spot, own.table.get("dependencies"), target)
    for name in target.extras:
        yield from _needs(own.spot, extras.get(name), target)
    for name in target.groups:
        yield from _needs(own.spot, groups.get(name), target)


def _needs(spot: Spot, value: object, target: Target) -> Iterator[_Need]:
    for item in spot.items(value, "dependencies"):
        row = spot.table(item, "a dependency")
        if _holds(spot, spot.marker(row.get("marker")), target):
            yield _Need(
                pypi(spot.name(row.get("name"), "name of a dependency")),
                spot.word(row.get("version"), "version"),
                spot.words(row.get("extra"), "extra"),
            )


def _holds(spot: Spot, marker: str, target: Target) -> bool:
    from packaging.markers import Marker

    if "extra" in marker:
        raise spot.error("it has conflicting extras, which is not understood here")
    return not marker or Marker(marker).evaluate(environment(target.architecture, target.python))


def _chosen(spot: Spot, rows: Iterable[_Row], need: _Need, target: Target) -> _Row:
    """Return the one package of that name: the lock may hold another for another environment."""
    fit = [
        row
        for row in rows
        if need.version in {"", row.table.get("version")}
        and _any(row.spot, row.table.get("resolution-markers"), target)
    ]
    if len(fit) != 1:
        raise spot.error(f"it lists {need.name} {need.version} {len(fit)} times for this image")
    return fit[0]


def _any(spot: Spot, value: object, target: Target) -> bool:
    markers = [spot.marker(item) for item in spot.items(value, "resolution-markers")]
    return not markers or any(_holds(spot, marker, target) for marker in markers)


def _found(row: _Row) -> Pin | Member:
    """Return what is installed of a package."""
    spot, table = row
    lies = _folder(row)
    if not lies:
        return _pin(row)
    name, version = pypi(spot.name(table.get("name"), "name")), table.get("version")
    found = member(f"{spot.path}:{spot.line}", name, spot.word(version, "version"), lies)
    virtual = "virtual" in spot.table(table.get("source"), "source")
    return found._replace(virtual=virtual)


def _pin(row: _Row) -> Pin:
    spot, table = row
    name = pypi(spot.name(table.get("name"), "name"))
    source = spot.table(table.get("source"), "source")
    if "registry" not in source:
        place = f"{spot.path}:{spot.line}"
        raise elsewhere(place, name, " ".join(sorted(source)) or "nowhere")
    files = [*spot.items(table.get("wheels"), "wheels"), table.get("sdist")]
    hashes = [spot.word(spot.table(f, "a file").get("hash"), "hash") for f in files]
    version = spot.name(table.get("version"), "version")
    return Pin(name, version, tuple(sorted(filter(None, hashes))))


def stated(path: str, text: str, project: str) -> frozenset[tuple[str, str, str]]:
    """Return the requirements that the lock was made for: name, extras and specifier.

    Those of groups too; in one spelling, so that they compare with those of a pyproject.toml. Of
    what lies in the project the lock tells no specifier: ``*`` stands for it.
    """
    table, spot = toml_table(path, text), Spot(path)
    found: list[Any] = []
    for item in spot.items(table.get("package"), "package"):
        row = spot.table(item, "package")
        if pypi(spot.word(row.get("name"), "name")) == project:
            metadata = spot.table(row.get("metadata"), "metadata")
            found += spot.items(metadata.get("requires-dist"), "requires-dist")
            groups = spot.table(metadata.get("requires-dev"), "requires-dev")
            found += [each for name in groups for each in spot.items(groups[name], name)]
    stated = (_stated(spot, spot.table(item, "a requirement")) for item in found)
    return frozenset(each for each in stated if each[0] != project)


def _stated(spot: Spot, row: Mapping[str, Any]) -> tuple[str, str, str]:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        specifier = str(SpecifierSet(spot.word(row.get("specifier"), "specifier")))
    except InvalidSpecifier as error:
        raise InvalidInputError(f"{spot.path}: {error}") from error
    if any(kind in row for kind in FOLDERS):
        specifier = ANY
    extras = ",".join(sorted(pypi(e) for e in spot.words(row.get("extras"), "extras")))
    return pypi(spot.name(row.get("name"), "name")), extras, specifier
