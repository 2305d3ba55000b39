"""TOML files that people write: read strictly, with every complaint at its path and line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from imgforge.errors import InvalidInputError

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    Model = TypeVar("Model", bound=BaseModel)

MAX_BYTES = 1 << 20
DEEPEST = 100
"""Parts of a dotted key; tomllib takes far too long for thousands."""
Location = tuple[str | int, ...]

_KEY = r"""[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'"""
_HEADER = re.compile(rf"^\s*(\[\[?)\s*((?:{_KEY})(?:\s*\.\s*(?:{_KEY}))*)\s*\]\]?")
_ASSIGNMENT = re.compile(rf"^\s*((?:{_KEY})(?:\s*\.\s*(?:{_KEY}))*)\s*=")
_PART = re.compile(_KEY)
_DEEP = re.compile(
    rf"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){{{DEEPEST}}}"""
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One complaint about a value: where it stands, what is wrong, what to do instead."""

    location: Location
    message: str
    hint: str = ""


def read(path: Path) -> tuple[bytes, dict[str, Any]]:
    """Return the bytes and the parsed table; InvalidInputError if unreadable or not TOML."""
    data = read_bytes(path)
    return data, parse(data, path.name)


def read_bytes(path: Path) -> bytes:
    """Return the bytes of such a file; InvalidInputError if it is unreadable or too large."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInputError(f"cannot read {path}: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise InvalidInputError(f"{path} is over {MAX_BYTES >> 20} MiB")
    return data


def loads(text: str) -> dict[str, Any]:
    """Parse TOML, which anybody wrote; ValueError if it is malformed or nested too deeply."""
    if _DEEP.search(text):
        raise ValueError(f"has a key of over {DEEPEST} parts")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def parse(data: bytes, name: str) -> dict[str, Any]:
    """Parse TOML; InvalidInputError with the line if it is malformed."""
    try:
        return loads(data.decode())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidInputError(f"{name}:{line}: not UTF-8") from error
    except ValueError as error:  # of Python's own, too: a number of thousands of digits
        found = re.search(r"\(at line (\d+), column \d+\)", str(error))
        at = found[1] if found else str(data.count(b"\n") + 1) if "at end" in str(error) else ""
        place = f"{name}:{at}" if at else name
        reason = re.sub(r" \(at .*\)$", "", str(error))
        raise InvalidInputError(f"{place}: {reason[:200]}") from error


def validate(model: type[Model], table: dict[str, Any], data: bytes, name: str) -> Model:
    """Build ``model`` from ``table``; one InvalidInputError lists every problem at once."""
    from pydantic import ValidationError

    try:
        return model.model_validate(table)
    except ValidationError as error:
        raise invalid(name, data, _problems(error)) from error


def invalid(name: str, data: bytes, problems: Iterable[Problem]) -> InvalidInputError:
    """Make the error that lists ``problems``, each as ``file:line: path: message``."""
    lines = Lines(data)
    found = sorted(problems, key=lambda p: lines.of(p.location))
    details = tuple(
        f"{name}:{lines.of(p.location)}: {dotted(p.location)}: {p.message}"
        + (f"\n    hint: {p.hint}" if p.hint else "")
        for p in found
    )
    count = f"{len(details)} problem" + ("s" if len(details) != 1 else "")
    return InvalidInputError(f"{name} is not valid: {count}", details=details)


def dotted(location: Location) -> str:
    """Write a location as people do: ``build.secrets[0].id``."""
    out = ""
    for part in location:
        if isinstance(part, int):
            out += f"[{part}]"
        else:
            plain = re.fullmatch(r"[A-Za-z0-9_-]+", part)
            out += ("." if out else "") + (part if plain else repr(part))
    return out or "(top level)"


class Lines:
    """Finds the line of a TOML path by looking at headers and keys.

    Values inside inline tables and arrays are reported at the line of the key that holds them.
    """

    def __init__(self, data: bytes) -> None:
        self._lines: dict[Location, int] = {(): 1}
        table: Location = ()
        counts: dict[Location, int] = {}
        for number, line in enumerate(data.decode(errors="replace").split("\n"), 1):
            if header := _HEADER.match(line):
                *above, last = self._keys(header[2])
                table = ()
                for key in above:  # tables in a list belong to the last one above them
                    table = (*table, key)
                    table = (*table, counts[table]) if table in counts else table
                table = (*table, last)
                if header[1] == "[[":
                    counts[table] = counts.get(table, -1) + 1
                    table = (*table, counts[table])
                self._note(table, number)
            elif assignment := _ASSIGNMENT.match(line):
                self._note(table + self._keys(assignment[1]), number)

    @staticmethod
    def _keys(text: str) -> Location:
        return tuple(part.strip("\"'") for part in _PART.findall(text))

    def _note(self, location: Location, number: int) -> None:
        for end in range(1, len(location) + 1):
            self._lines.setdefault(location[:end], number)

    def of(self, location: Location) -> int:
        """Return the line (from 1) of the nearest enclosing thing that has one."""
        while location not in self._lines:
            location = location[:-1]
        return self._lines[location]


_ALTERNATIVES = frozenset({"int", "str", "bool", "list[str]"})


def _problems(error: ValidationError) -> Iterable[Problem]:
    seen: set[Location] = set()
    for item in error.errors(include_url=False, include_input=False):
        location = tuple(part for part in item["loc"] if part != "[key]")
        if location[-1:] and location[-1] in _ALTERNATIVES and item["type"].endswith("_type"):
            # pydantic complains once for each member of a union
            if location[:-1] not in seen:
                seen.add(location[:-1])
                yield Problem(location[:-1], "has the wrong type")
            continue
        context = item.get("ctx") or {}
        if item["type"] == "extra_forbidden":
            yield Problem(location, "unknown key", _nearest(error.title, location))
        elif item["type"] == "missing":
            yield Problem(location, "is required")
        else:
            message = item["msg"].removeprefix("Value error, ")
            yield Problem(location, message[:1].lower() + message[1:], str(context.get("hint", "")))


def _nearest(title: str, location: Location) -> str:
    import difflib

    names = KNOWN.get(title, {}).get(
        location[:-1] and tuple(part for part in location[:-1] if isinstance(part, str)), ()
    )
    close = difflib.get_close_matches(str(location[-1]), names, 1)
    return f"did you mean {close[0]!r}?" if close else ""


KNOWN: dict[str, dict[Location, tuple[str, ...]]] = {}
"""Model title → table path → its keys, for suggestions; filled by the modules that own models."""
