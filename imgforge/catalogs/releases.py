"""Versions of stacks, and the ranges of them that specs ask for."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from typing import Final

Version = tuple[int, int, int]
"""Major, minor and patch; stacks have no others."""

_VERSION: Final = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})", re.ASCII)
_BOUND: Final = re.compile(r"(\^|~|>=|<=|>|<|=)?\s*(\d{1,9}(?:\.\d{1,9}){0,2})", re.ASCII)
_REF: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]*")
_COMPARE: Final[dict[str, Callable[[Version, Version], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def version(text: str) -> Version:
    """Read ``1.2.3``; ValueError if it is not just that."""
    found = _VERSION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a version such as 1.2.3")
    return int(found[1]), int(found[2]), int(found[3])


def check(text: str) -> None:
    """Raise ValueError unless ``text`` is a range: see :func:`allows`."""
    allows(text, (0, 0, 0))


def allows(text: str, found: Version) -> bool:
    """Say whether a range has a version; ValueError if it is no range.

    A range is one or several bounds with commas between them, each of which must hold: ``1.2.0``
    (that one), ``1.2`` (all of 1.2), ``^1.2`` (from 1.2 on, below 2), ``~1.2.3`` (below 1.3), or
    ``>=``, ``>``, ``<=``, ``<`` and a version. An empty one has every version.
    """
    held = [_holds(bound.strip(), found) for bound in text.split(",")] if text else []
    return all(held)


def is_ref(text: str) -> bool:
    """Whether ``text`` can be a branch or tag of git, such as ``main`` or ``refs/tags/v1``."""
    return bool(_REF.fullmatch(text)) and ".." not in text


def newest(texts: Iterable[str], wanted: str = "") -> str | None:
    """Return the newest version of ``texts`` in the range ``wanted``; what is none is passed over.

    None if there is none.
    """
    known = {}
    for text in texts:
        if _VERSION.fullmatch(text):
            known[version(text)] = text
    fitting = [each for each in known if allows(wanted, each)]
    return known[max(fitting)] if fitting else None


def _holds(bound: str, found: Version) -> bool:
    match = _BOUND.fullmatch(bound)
    if match is None:
        raise ValueError(f"{bound!r} is not a bound such as 1.2.0, ^1.2 or >=1.2")
    sign, parts = match[1] or "=", [int(part) for part in match[2].split(".")]
    major, minor, patch = [*parts, 0, 0][:3]
    low = (major, minor, patch)
    if sign in _COMPARE:
        return _COMPARE[sign](found, low)
    # How many parts stay as they are.
    kept = len(parts) if sign == "=" else min(2, len(parts)) if sign == "~" else 1
    if sign == "^":  # the first part that is not 0 stays, as in every other ecosystem
        kept = next((i + 1 for i, part in enumerate(parts) if part), len(parts))
    return found >= low and found[:kept] == low[:kept]
