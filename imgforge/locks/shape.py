"""The shape of a lock's text: decoded, and every value of the type that its format says.

A lock that is not what its format says was not written by its program, or was merged badly; what
it lists is then not believed at all. All of this raises InvalidInputError naming file and line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from imgforge.errors import InvalidInputError
from imgforge.locks.locked import Entry

_ADDRESS: Final = re.compile(r"(?<=://)([^\s'\"/?#]*)([^\s'\"?#]*)[^\s'\"]*")
_CUT: Final = re.compile(r"[^:]*:(?![0-9]*$).*")
"""A user and a password, the end of which was cut off."""


def public(text: str) -> str:
    """Return ``text`` for messages: addresses without user, password, query and fragment."""

    def bare(found: re.Match[str]) -> str:
        host = found[1].rpartition("@")[2]
        return ("" if host == found[1] and _CUT.fullmatch(host) else host) + found[2]

    return _ADDRESS.sub(bare, text) if "://" in text else text


class Spot(NamedTuple):
    """A place of a lock; ``line`` counts from 1, 0 if nobody knows it."""

    path: str
    line: int = 0

    def error(self, what: str) -> InvalidInputError:
        """Return the error that says ``what`` of this place."""
        place = f"{self.path}:{self.line}" if self.line else self.path
        return InvalidInputError(
            f"{place}: {public(what)}", hint="make the lock again with the program that wrote it"
        )

    def table(self, value: object, what: str) -> Mapping[str, Any]:
        """Return a map; one that is not there is empty."""
        if value is None or value == "":
            return {}
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise self.error(f"{what} is no map")
        return value

    def items(self, value: object, what: str) -> list[Any]:
        """Return a list; one that is not there is empty."""
        if value is None or value == "":
            return []
        if not isinstance(value, list):
            raise self.error(f"{what} is no list")
        return value

    def word(self, value: object, what: str) -> str:
        """Return a text of one line; one that is not there is empty."""
        if value is None:
            return ""
        if not isinstance(value, str) or "\n" in value or "\0" in value:
            raise self.error(f"{what} is no text of one line")
        return value

    def name(self, value: object, what: str) -> str:
        """Return a text that must be there."""
        found = self.word(value, what)
        if not found:
            raise self.error(f"{what} is missing")
        return found

    def words(self, value: object, what: str) -> tuple[str, ...]:
        """Return a list of texts."""
        return tuple(self.word(item, what) for item in self.items(value, what))

    def marker(self, value: object) -> str:
        """Return a PEP 508 marker that can be asked later."""
        from packaging.markers import InvalidMarker, Marker

        text = self.word(value, "a marker")
        try:
            return str(Marker(text)) if text else ""
        except (InvalidMarker, RecursionError) as error:
            raise self.error(f"{text[:60]!r} is no marker") from error


def json_table(path: str, text: str) -> Mapping[str, Any]:
    """Return the JSON object that ``text`` is."""
    from imgforge.analysis.packages.document import load

    try:
        value = load(text.encode(errors="replace"))
    except ValueError as error:
        raise _unreadable(path, str(error)) from error
    if not isinstance(value, dict):
        raise Spot(path, 1).error("it is no JSON object")
    return value


def yaml_table(path: str, text: str) -> Mapping[str, Any]:
    """Return the map that the YAML of ``text`` is; every scalar in it is a text."""
    from imgforge import strictyaml

    try:
        return strictyaml.load_object(text.encode(errors="replace"))
    except ValueError as error:
        raise _unreadable(path, str(error)) from error


def toml_table(path: str, text: str) -> Mapping[str, Any]:
    """Return the TOML that ``text`` is."""
    from imgforge import tomlfile

    return tomlfile.parse(text.encode(errors="replace"), path)


def _unreadable(path: str, why: str) -> InvalidInputError:
    line = re.search(r" in line (\d+)$", why)
    return Spot(path, int(line[1]) if line else 0).error(why[: line.start()] if line else why)


def lines(text: str, pattern: str) -> dict[str, int]:
    """Return the line of the first match of each text that is the pattern's first group."""
    found: dict[str, int] = {}
    line, at = 1, 0
    for match in re.finditer(pattern, text, re.MULTILINE):
        line += text.count("\n", at, match.start(1))
        at = match.start(1)
        found.setdefault(match[1], line)
    return found


def headers(path: str, text: str, name: str, tables: list[Any]) -> Iterator[tuple[Spot, Any]]:
    """Yield every table of the TOML array ``name`` with the line of its header."""
    pattern = re.compile(rf"^\s*\[\[\s*{re.escape(name)}\s*\]\]", re.MULTILINE)
    numbers, line, at = [], 1, 0
    for match in pattern.finditer(text):
        line += text.count("\n", at, match.end())
        at = match.end()
        numbers.append(line)
    known = len(numbers) == len(tables)  # a text of several lines may look like a header
    for index, table in enumerate(tables):
        spot = Spot(path, numbers[index] if known else 0)
        yield spot, spot.table(table, name)


def reached(roots: Mapping[str, object], needs: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """Return all keys that can be reached from ``roots`` by ``needs``, in circles or not."""
    seen, pending = set(roots), list(roots)
    while pending:
        for key in needs.get(pending.pop(), ()):
            if key not in seen:
                seen.add(key)
                pending.append(key)
    return frozenset(seen)


def scoped(
    entries: list[Entry], required: frozenset[str], optional: frozenset[str]
) -> tuple[Entry, ...]:
    """Return ``entries`` with their scopes: what neither set of keys has is for development."""
    return tuple(
        entry._replace(
            scope="required"
            if entry.key in required
            else "optional"
            if entry.key in optional
            else "dev"
        )
        for entry in entries
    )
