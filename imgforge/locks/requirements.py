"""``requirements.txt``: pip's requirements file format, with versions and hashes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from imgforge.errors import InvalidInputError
from imgforge.locks.locked import Entry, Locked
from imgforge.locks.names import pypi
from imgforge.locks.shape import public

_HASH: Final = re.compile(r"\s--hash[= ]\s*([a-z0-9]+):([0-9a-fA-F]+)")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*$")
_INCLUDE: Final = re.compile(r"(?:-r|--requirement)[\s=]+(\S.*)|-r(\S+)")
_EDITABLE: Final = re.compile(r"(?:-e|--editable)(?:\s+|=)")
_EXTRAS: Final = re.compile(r"\[[^\]]*\]$")
_ARCHIVES: Final = (".whl", ".zip", ".tar.gz")
_OPTIONS: Final = re.compile(r"\s--[a-z]")


class Beside(NamedTuple):
    """A requirement whose sources lie in a folder of the project; ``line`` counts from 1."""

    folder: str
    marker: str
    line: int


class Split(NamedTuple):
    """Requirements whose sources lie beside, and the text of all the others."""

    beside: tuple[Beside, ...]
    rest: str


def split(path: str, text: str) -> Split:
    """Take apart what lies in folders of the project and what an index offers.

    InvalidInputError names the line of an editable one that lies elsewhere.
    """
    beside, rest = [], []
    for number, line in _lines(text):
        found = _beside(line)
        if found is not None:
            beside.append(Beside(*found, number))
        elif _EDITABLE.match(line):
            raise InvalidInputError(
                f"{path}:{number}: what is editable must lie in a folder of the project: "
                f"{public(line)[:60]}",
                hint="take it from an index, or bring its sources into the project",
            )
        else:
            rest.append(f"{line}\n")
    return Split(tuple(beside), "".join(rest))


def _beside(line: str) -> tuple[str, str] | None:
    """Return the folder that a line names, without extras, and its marker; None for another."""
    editable = _EDITABLE.match(line)
    words, _, marker = line[editable.end() if editable else 0 :].partition(" ;")
    words = _OPTIONS.split(words, maxsplit=1)[0].strip()
    words = _EXTRAS.sub("", words.removeprefix("file:"))
    if words.startswith("-") or "://" in words or "@" in words or words.endswith(_ARCHIVES):
        return None
    if editable or words.startswith(".") or "/" in words:
        return words, marker.strip()
    return None


def read(path: str, text: str) -> Locked:
    """Read requirements; constraints and other options are left aside, and so are folders.

    InvalidInputError names the line of a requirement that is none.
    """
    entries, includes = [], []
    for number, line in _lines(text):
        include = _INCLUDE.fullmatch(line)
        if include is not None:
            name = (include[1] or include[2]).strip()
            if "://" in name:
                raise InvalidInputError(
                    f"{path}:{number}: {public(name)} is included, and no address is asked",
                    hint="put what it lists into a file of the project",
                )
            includes.append(name)
        elif not line.startswith("-") and _beside(line) is None:
            entries.append(_entry(path, number, line))
    return Locked(path, tuple(entries), tuple(includes))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Join continued lines, leave comments out; yield each with the number of its first."""
    start, parts = 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        start = start or number
        continued = line.endswith("\\")
        parts.append(_COMMENT.sub("", line[:-1] if continued else line))
        if not continued:
            whole = " ".join(parts).strip()
            if whole:
                yield start, whole
            start, parts = 0, []
    if parts and " ".join(parts).strip():
        yield start, " ".join(parts).strip()


def _entry(path: str, number: int, line: str) -> Entry:
    from packaging.requirements import InvalidRequirement, Requirement

    words = _OPTIONS.split(line, maxsplit=1)[0].strip()
    try:
        requirement = Requirement(words)
    except InvalidRequirement as error:
        raise InvalidInputError(
            f"{path}:{number}: {public(words)[:60]!r} is no requirement: "
            f"{public(str(error).splitlines()[0])[:200]}"
        ) from error
    pins = [s.version for s in requirement.specifier if s.operator in {"==", "==="}]
    return Entry(
        "pypi",
        pypi(requirement.name),
        pins[0] if pins and not pins[0].endswith(".*") else "",
        number,
        hashes=tuple(f"{name}:{value.lower()}" for name, value in _HASH.findall(line)),
        marker=str(requirement.marker or ""),
    )
