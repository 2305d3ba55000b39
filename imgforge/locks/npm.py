"""``package-lock.json`` and ``npm-shrinkwrap.json`` (docs.npmjs.com, package-lock.json; v1 to v3).

From version 2 on, ``packages`` says for every folder what lies there; version 1 has a tree. Which
package another one gets follows from where they lie, as Node.js looks for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from imgforge.analysis.packages.integrity import digests
from imgforge.locks.locked import Entry, Locked, Scope
from imgforge.locks.shape import Spot, json_table, lines

FOLDER: Final = "node_modules/"
_KINDS: Final = ("dependencies", "optionalDependencies", "peerDependencies")


def read(path: str, text: str) -> Locked:
    """Read the lock; workspaces and linked folders are the project's own and no entries."""
    spot = Spot(path)
    table = json_table(path, text)
    version = table.get("lockfileVersion", 1)
    if version not in (1, 2, 3):
        raise spot.error(f"lockfileVersion is {version!r}, known are 1, 2 and 3")
    if "packages" in table:
        numbers = lines(text, r'^\s*"((?:[^"\\\n]*/)?node_modules/[^"\\\n]+)": \{')
        packages = spot.table(table["packages"], "packages")
    else:
        numbers = lines(text, r'^\s*"([^"\\\n]+)": \{')
        packages = dict(_flat(spot, table))
    own = [
        said
        for key, value in (("", table), *packages.items())
        if FOLDER not in key and (said := spot.table(value, key).get("name")) is not None
    ]
    return Locked(
        path, tuple(_entries(path, packages, numbers)), own=spot.words(own, "a project's name")
    )


def named(text: str) -> tuple[str, str]:
    """Split an npm name into its scope (with ``@``, or empty) and the rest."""
    scope, slash, name = text.partition("/")
    return (scope, name) if slash and scope.startswith("@") else ("", text)


def exact(version: str) -> str:
    """Return a version, or nothing for what is none: a file, an address, a tag of git."""
    return "" if set(version) & set(":/") else version


def _entries(
    path: str, packages: Mapping[str, object], numbers: Mapping[str, int]
) -> Iterator[Entry]:
    own = {}
    for key, value in packages.items():
        if FOLDER in key:
            number = numbers.get(key, numbers.get(key.rpartition(FOLDER)[2], 0))
            spot = Spot(path, number)
            table = spot.table(value, key)
            if table.get("link") is not True:
                own[key] = spot, table
    keys = {
        key: f"{_name(spot, key, table)}@{_version(spot, table)}"
        for key, (spot, table) in own.items()
    }
    for key, (spot, table) in own.items():
        scope, name = named(_name(spot, key, table))
        names = [n for kind in _KINDS for n in spot.table(table.get(kind), kind)]
        yield Entry(
            *("npm", name, _version(spot, table), spot.line, scope),
            hashes=digests(spot.word(table.get("integrity"), "integrity")),
            needs=tuple(sorted({keys[at] for n in names if (at := _resolved(keys, key, n))})),
            scope=_scope(table),
            os=spot.words(table.get("os"), "os"),
            cpu=spot.words(table.get("cpu"), "cpu"),
            libc=spot.words(table.get("libc"), "libc"),
            place=key,
        )


def _name(spot: Spot, key: str, table: Mapping[str, object]) -> str:
    """Return the package's own name: an alias has it beside its folder's."""
    return spot.word(table.get("name"), "name") or key.rpartition(FOLDER)[2]


def _version(spot: Spot, table: Mapping[str, object]) -> str:
    return exact(spot.word(table.get("version"), "version"))


def _scope(table: Mapping[str, object]) -> Scope:
    if table.get("dev") is True:
        return "dev"
    if any(table.get(k) is True for k in ("optional", "devOptional", "peer", "extraneous")):
        return "optional"
    return "required"


def _resolved(keys: Mapping[str, object], start: str, name: str) -> str:
    """Return the folder in which Node.js finds ``name`` from ``start``; empty if it finds none."""
    at = start
    while True:
        found = f"{at}/{FOLDER}{name}" if at else FOLDER + name
        if found in keys:
            return found
        if not at:
            return ""
        at = at.rpartition(FOLDER)[0].rstrip("/")


def _flat(spot: Spot, table: Mapping[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    """Turn version 1's tree into what version 2 has in ``packages``."""
    pending = [("", table)]
    while pending:
        above, value = pending.pop()
        for name, member in spot.table(value.get("dependencies"), "dependencies").items():
            own = spot.table(member, name)
            at = f"{above}/{FOLDER}{name}" if above else FOLDER + name
            pending.append((at, own))
            requires = own.get("requires")
            needs = spot.table(requires, "requires") if requires is not True else {}
            said = spot.word(own.get("version"), "version")
            flat = {k: own[k] for k in ("dev", "optional", "integrity") if k in own}
            if said.startswith("npm:"):  # an alias
                flat["name"], _, said = said.removeprefix("npm:").rpartition("@")
            yield at, {**flat, "version": said, "dependencies": dict(needs)}
