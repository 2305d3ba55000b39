"""What values of ``policy.toml`` may be: each kind reads one, and has a JSON Schema."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from imgforge.severity import LEVELS, Level

TYPES: Final = ("spdx", "cyclonedx", "provenance", "findings", "vuln")
"""Types of attestations that have a name; :data:`imgforge.signing.statement.TYPES` has theirs."""

_UNITS: Final = {"": 1, "B": 1} | {
    f"{prefix}{unit}": base ** (power + 1)
    for unit, base in (("B", 1000), ("iB", 1024))
    for power, prefix in enumerate(("k" if unit == "B" else "K", "M", "G", "T"))
}
_SIZE: Final = re.compile(r"(\d{1,15}(?:\.\d{1,6})?) ?(|B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)")
_URI: Final = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]+")
_POINTER: Final = re.compile(r"(?:/(?:[^~/]|~[01])*)+")
_MOST: Final = 1 << 53
"""The largest number that every reader of JSON keeps exactly."""
_LONGEST: Final = 36_500
"""Days of grace."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value may be, called ``name`` in docs; ``schema`` is JSON Schema.

    ``read`` returns a value, or raises ValueError if it is not of this kind.
    """

    name: str
    read: Callable[[Any], Any]
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Key:
    """One key: what its value may be, what it means, and whether it must be there."""

    kind: Kind
    about: str
    required: bool = False


def _level(value: object) -> Level:
    for level in LEVELS:
        if value == level:
            return level
    raise ValueError(f"is not one of {', '.join(LEVELS)}")


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("is not true or false")  # noqa: TRY004 - one error
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError("is not a text of one line")
    return value


def _matching(name: str, pattern: str, what: str) -> Kind:
    def read(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(f"is not {what}")
        return value

    return Kind(name, read, {"type": "string", "pattern": f"^{pattern}$"})


def _list(of: Kind, what: str) -> Kind:
    def read(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError(f"is not a list of {what}")  # noqa: TRY004 - one error
        return tuple(of.read(each) for each in value)

    return Kind(f"list of {what}", read, {"type": "array", "items": dict(of.schema)})


def _whole(least: int, what: str) -> Kind:
    def read(value: object) -> int:
        if type(value) is not int or not least <= value <= _MOST:
            raise ValueError(f"is not a number of {what}, {least} or more")
        return value

    return Kind(f"number of {what}", read, {"type": "integer", "minimum": least, "maximum": _MOST})


def _size(value: object) -> int:
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    size = int(float(found[1]) * _UNITS[found[2]]) if found else value
    if type(size) is not int or not 1 <= size <= _MOST:
        raise ValueError('is not a size such as "200MB", or a number of bytes')
    return size


def _day(value: object) -> dt.date:
    if type(value) is not dt.date:
        raise ValueError("is not a day such as 2030-01-31 (without quotes)")
    return value


def _uri(value: object) -> str:
    if value in TYPES or (isinstance(value, str) and _URI.fullmatch(value)):
        return str(value)
    raise ValueError(f"is neither one of {', '.join(TYPES)} nor a URI")


def _pointers(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not value:
        raise ValueError('is not a table such as {"/buildDefinition/buildType" = "https://*"}')
    for pointer, glob in value.items():
        if not _POINTER.fullmatch(pointer):
            raise ValueError(f"{pointer!a} is no JSON pointer (RFC 6901), such as /a/0/b")
        _text(glob)
    return value


def _grace(value: object) -> dict[str, int]:
    if type(value) is int:
        value = dict.fromkeys(LEVELS, value)
    if not isinstance(value, dict) or not value:
        raise ValueError("is neither a number of days nor a table such as {low = 90, high = 7}")
    for level, days in value.items():
        _level(level)
        if type(days) is not int or not 0 <= days <= _LONGEST:
            raise ValueError(f"{level}: is not a number of days, 0 to {_LONGEST}")
    return value


def _share(value: object) -> float:
    if type(value) not in {int, float} or not 0 <= float(str(value)) <= 1:
        raise ValueError("is not a probability, 0 to 1")
    return float(str(value))


LEVEL = Kind("severity", _level, {"type": "string", "enum": list(LEVELS)})
FLAG = Kind("true or false", _flag, {"type": "boolean"})
TEXT = Kind("text", _text, {"type": "string", "minLength": 1})
CHECK = _matching("id of a check", "IF[0-9]{3}", "the id of a check such as IF010")
DIGEST = _matching("digest", "sha256:[0-9a-f]{64}", "a digest, sha256: and 64 hexadecimal digits")
PRINT = _matching(
    "fingerprint", "[0-9a-f]{32}", "a fingerprint, 32 hexadecimal digits as in JSON reports"
)
DAYS = _whole(0, "days")
COUNT = _whole(1, "layers")
WITNESS = _matching("`required` or `waived`", "(?:required|waived)", "required or waived")
SCOPE = _matching("`each` or `index`", "(?:each|index)", "each or index")
PART = _matching("`all` or `app`", "(?:all|app)", "all or app")
TYPE = Kind(
    f"{', '.join(TYPES)}, or a URI",
    _uri,
    {"anyOf": [{"enum": list(TYPES)}, {"type": "string", "pattern": f"^{_URI.pattern}$"}]},
)
POINTERS = Kind(
    "table of JSON pointers and globs",
    _pointers,
    {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": f"^{_POINTER.pattern}$"},
        "additionalProperties": {"type": "string", "minLength": 1},
    },
)
DAY = Kind("day", _day, {"type": "string", "format": "date"})
TEXTS = _list(TEXT, "texts")
CHECKS = _list(CHECK, "ids of checks")
SIZE = Kind(
    "size",
    _size,
    {
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": _MOST},
            {"type": "string", "pattern": f"^{_SIZE.pattern}$"},
        ]
    },
)
_DAYS_SCHEMA: Final = {"type": "integer", "minimum": 0, "maximum": _LONGEST}
GRACE = Kind(
    "number of days, or a table of severities and days",
    _grace,
    {
        "anyOf": [
            _DAYS_SCHEMA,
            {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"enum": list(LEVELS)},
                "additionalProperties": _DAYS_SCHEMA,
            },
        ]
    },
)
SHARE = Kind("number, 0 to 1", _share, {"type": "number", "minimum": 0, "maximum": 1})
VERDICT = _matching("`fail` or `report`", "(?:fail|report)", "fail or report")
