"""JSON that package managers write: read as they read it, and no value trusted to be of its type.

Node's and PHP's parsers and .NET's take the last of two equal keys and pass a byte order mark
over, and real packages have both: unlike what is signed (:mod:`imgforge.strictjson`), a manifest
that its own package manager reads is no error here.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from imgforge.strictjson import slim

VALUES: Final = 2_000_000
"""Values of a document: decoded, each takes about a hundred bytes."""

LONGEST: Final = 200
"""Characters of a name, a version or a supplier; what is longer is none."""

LINES: Final = 4 << 20
"""Bytes of a record that is read line by line; the longest real ones have a tenth of it."""

_CONTROL: Final = re.compile(r"[\0-\x1f\x7f\ud800-\udfff]+")


def lines(data: bytes) -> str:
    """Decode a record that is read line by line; ValueError if it is far too long for one."""
    if len(data) > LINES:
        raise ValueError(f"the record has over {LINES >> 20} MiB")
    return data.decode(errors="replace")


def load(data: bytes) -> Any:  # noqa: ANN401 - decoded JSON of unknown shape
    """Decode JSON; ValueError if it is none, is nested too deeply or has too many values."""
    slim(data, VALUES)
    try:
        return json.loads(data.removeprefix(codecs.BOM_UTF8).decode(errors="replace"))
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON: {error.msg} in line {error.lineno}") from error
    except RecursionError as error:
        raise ValueError("JSON is nested too deeply") from error


def load_object(data: bytes) -> dict[str, Any]:
    """Decode a JSON object like :func:`load`; ValueError if it is something else."""
    value = load(data)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - one error for bad input
    return value


def text(value: object, longest: int = LONGEST) -> str:
    """Return a text in one line, at most ``longest`` characters; of anything else nothing."""
    if not isinstance(value, str):
        return ""
    return _CONTROL.sub(" ", value[: longest * 2]).strip()[:longest]


def word(value: object) -> str:
    """Return a name or a version: a text without blanks, else nothing."""
    if not isinstance(value, str) or len(value) > LONGEST:
        return ""
    value = value.strip()
    return "" if _CONTROL.search(value) or " " in value else value


def texts(value: object) -> list[str]:
    """Return the texts of a list, or the one that stands for a list of one."""
    return [found for item in listed(value) if (found := text(item))]


def listed(value: object) -> list[Any]:
    """Return a list as it is, anything else but nothing as a list of it."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def mapping(value: object) -> Mapping[str, Any]:
    """Return an object as it is, anything else as an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the members of an object that are objects themselves."""
    for key, member in mapping(value).items():
        if isinstance(member, dict):
            yield key, member
