"""What a scan found that an earlier one did not, and the other way round."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from imgforge import strictjson
from imgforge.errors import InvalidInputError
from imgforge.verify.conditions.shown import at, word
from imgforge.vulnerabilities.vex.said import line

if TYPE_CHECKING:
    from imgforge.scanning import Result

MAX_SIZE: Final = 512 << 20
MAX_VALUES: Final = 32_000_000
VERSION: Final = 1
"""Of the scans that are read; :data:`imgforge.report.scan_json.VERSION`."""


class Entry(NamedTuple):
    """A vulnerability of a package in a target, by the names that both scans share."""

    target: str
    id: str
    purl: str


class Changes(NamedTuple):
    """What is new and what is gone, and compared with what (a file, or a day)."""

    against: str
    new: tuple[Entry, ...]
    gone: tuple[Entry, ...]
    lost: tuple[str, ...] = ()
    """Targets of the earlier scan that were not scanned now."""


class Before(NamedTuple):
    """An earlier scan: what it found, with all names of each, and what it was of."""

    found: tuple[tuple[Entry, frozenset[str]], ...]
    targets: frozenset[str]


def load(path: Path) -> Before:
    """Read what ``imgforge scan --format json`` wrote; InvalidInputError if it is not that."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise InvalidInputError(f"cannot read the baseline {path}: {error.strerror}") from error
    if len(data) > MAX_SIZE:
        raise InvalidInputError(f"the baseline {path} is over {MAX_SIZE >> 20} MiB")
    try:
        strictjson.slim(data, MAX_VALUES)
        value = strictjson.load_object(data)
        return _before(value)
    except ValueError as error:
        raise InvalidInputError(
            f"{path} is no earlier scan: {error}", hint="write one: imgforge scan --format json"
        ) from error


def compared(before: Before, results: Sequence[Result], against: str) -> Changes:
    """Return how ``results`` differ from an earlier scan of the same targets.

    A fault that got another name, or a second one, is the same. What an earlier scan excused was
    known all the same: new is what was not known.
    """
    known = {(e.target, e.purl, name) for e, names in before.found for name in names}
    now = [(entry, names) for entry, names in _now(results)]
    here = {(e.target, e.purl, name) for e, names in now for name in names}
    scanned = {result.target for result in results}
    new = {e for e, names in now if not any((e.target, e.purl, n) in known for n in names)}
    gone = {
        e
        for e, names in before.found
        if e.target in scanned and not any((e.target, e.purl, n) in here for n in names)
    }
    lost = tuple(sorted(before.targets - scanned))
    return Changes(against, tuple(sorted(new)), tuple(sorted(gone)), lost)


def since(day: dt.date, results: Sequence[Result]) -> Changes:
    """Return what became public on ``day`` or later; nothing can be said of what is gone."""
    new = {
        Entry(result.target, one.id, one.component.package.purl)
        for result in results
        for image in result.images
        for one in image.scanned.found
        # What does not say its day may be new.
        if not one.published or one.published >= str(day)
    }
    return Changes(str(day), tuple(sorted(new)), ())


def _before(value: dict[str, Any]) -> Before:
    if at(value, "tool", "name") != "imgforge" or value.get("version") != VERSION:
        raise ValueError("it does not say that imgforge scan wrote it")
    targets = frozenset(word(target, "target") for target in _list(value, "targets"))
    return Before(tuple(_entries(value)), targets)


def _now(results: Sequence[Result]) -> Iterator[tuple[Entry, frozenset[str]]]:
    for result in results:
        for image in result.images:
            for one in image.scanned.found:
                entry = Entry(result.target, one.id, one.component.package.purl)
                yield entry, frozenset(one.names)


def _entries(value: object) -> Iterator[tuple[Entry, frozenset[str]]]:
    for target in _list(value, "targets"):
        for image in _list(target, "images"):
            for one in _list(image, "vulnerabilities"):
                entry = Entry(word(target, "target"), word(one, "id"), word(one, "purl"))
                if not all(entry):
                    raise ValueError(f"a vulnerability lacks its id or purl: {line(entry.id)!a}")
                aliases = [each for each in _list(one, "aliases") if isinstance(each, str)]
                yield entry, frozenset([entry.id, *aliases])


def _list(value: object, key: str) -> list[Any]:
    found = at(value, key)
    if not isinstance(found, list):
        raise ValueError(f"{key}: it is no list")  # noqa: TRY004 - one error
    return found
