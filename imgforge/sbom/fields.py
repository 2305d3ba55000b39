"""Fields of a document that somebody else wrote: each is of its type, or it is an error.

Errors are :class:`UnfitError`, whose text begins with the place; who walks a list puts the place of
the list before it (:func:`each`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

T = TypeVar("T")

MAX_LISTED: Final = 500_000
"""The most components, files or relationships of a document."""
_SHOWN: Final = 60

Object = Mapping[str, Any]


class UnfitError(ValueError):
    """A part of a document is missing, of another type, or contradicts another one."""


def text(value: Object, key: str) -> str:
    """Return the text at a key, or an empty one if there is nothing."""
    found = value.get(key)
    if isinstance(found, str):
        return found
    if found is None:
        return ""
    raise UnfitError(f"{key}: there is no text, but {_shown(found)}")


def named(value: Object, key: str) -> str:
    """Return the text at a key, which must be there."""
    found = text(value, key)
    if not found:
        raise UnfitError(f"{key}: there is no text")
    return found


def items(value: Object, key: str) -> list[Any]:
    """Return the list at a key, or an empty one if there is nothing."""
    found = value.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise UnfitError(f"{key}: there is no list, but {_shown(found)}")
    if len(found) > MAX_LISTED:
        raise UnfitError(f"{key}: there are over {MAX_LISTED} entries")
    return found


def texts(value: Object, key: str) -> list[str]:
    """Return the list of texts at a key."""
    found = items(value, key)
    for number, one in enumerate(found):
        if not isinstance(one, str):
            raise UnfitError(f"{key}[{number}]: there is no text, but {_shown(one)}")
    return found


def below(value: Object, key: str) -> Object:
    """Return the object at a key, or an empty one if there is nothing."""
    found = value.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise UnfitError(f"{key}: there is no object, but {_shown(found)}")
    return found


def each(value: Object, key: str, read: Callable[[Object], T]) -> Iterator[T]:
    """Yield what ``read`` makes of each object of a list; its errors get the place before them."""
    found = items(value, key)
    number = 0
    try:
        for number, one in enumerate(found):  # noqa: B007 - the error names it
            yield read(_object(one))
    except UnfitError as error:
        told = str(error)
        joint = "" if told.startswith(("there ", "[")) else "."
        middle = ": " if told.startswith("there ") else joint
        raise UnfitError(f"{key}[{number}]{middle}{told}") from error


def pairs(value: Object, key: str, first: str, second: str) -> list[tuple[str, str]]:
    """Return two texts of each object of a list, empty ones where they are not there.

    Documents have tens of thousands: what is as it should be is taken without being asked twice.
    """
    if key not in value:
        return []
    try:
        found = [(one[first], one[second]) for one in items(value, key)]
    except (KeyError, TypeError):
        found = []
    if found and all(type(a) is str and type(b) is str for a, b in found):
        return found
    return list(each(value, key, lambda one: (text(one, first), text(one, second))))


def _object(one: object) -> Object:
    if not isinstance(one, dict):
        raise UnfitError(f"there is no object, but {_shown(one)}")
    return one


def time(said: str, key: str) -> int | None:
    """Return a time (RFC 3339) in seconds since 1970; None if there is none."""
    if not said:
        return None
    try:
        found = dt.datetime.fromisoformat(said)
        return int((found if found.tzinfo else found.replace(tzinfo=dt.UTC)).timestamp())
    except (ValueError, OverflowError) as error:
        raise UnfitError(f"{key}: {_shown(said)} is no time") from error


def _shown(value: object) -> str:
    if isinstance(value, str):
        return f"{value[:_SHOWN]!a}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return "a number"
    return (
        "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else "null"
    )
