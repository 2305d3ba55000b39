"""Versions of Maven's artifacts (maven.apache.org/pom.html, "Version Order Specification")."""

from __future__ import annotations

import re
from functools import total_ordering
from itertools import zip_longest
from typing import Final

Item = int | str | list["Item"]

_QUALIFIERS: Final = ("alpha", "beta", "milestone", "rc", "snapshot", "", "sp")
_SAME: Final = {"ga": "", "final": "", "release": "", "cr": "rc"}
_SHORT: Final = {"a": "alpha", "b": "beta", "m": "milestone"}
_PIECE: Final = re.compile(r"[0-9]+|[^0-9.-]+|[.-]")
_MOST: Final = 100
"""Parts of a version: each hyphen goes a level deeper."""


def maven(version: str) -> Maven:
    """Order as Maven's resolver does (``ComparableVersion``)."""
    pieces = _PIECE.findall(version.lower())
    if len(pieces) > _MOST or re.search(r"\s", version) or not version:
        raise ValueError(version)
    return Maven(_parsed(pieces))


@total_ordering
class Maven:
    """A version's parts; those missing count as nothing."""

    __slots__ = ("items",)

    def __init__(self, items: list[Item]) -> None:
        self.items = items

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Maven) and not _compared(self.items, other.items)

    def __lt__(self, other: Maven) -> bool:
        return _compared(self.items, other.items) < 0

    def __hash__(self) -> int:
        return hash(repr(self.items))


def _parsed(pieces: list[str]) -> list[Item]:
    top: list[Item] = []
    here, levels = top, [top]

    def deeper() -> list[Item]:
        below: list[Item] = []
        here.append(below)
        levels.append(below)
        return below

    last = "."
    for index, piece in enumerate(pieces):
        following = pieces[index + 1 : index + 2]
        if piece in ".-":
            if last in ".-":
                here.append(0)
            if piece == "-":
                here = deeper()
        elif piece.isdecimal():
            if last not in ".-":
                here = deeper()
            here.append(int(piece))
        else:
            # A word begins a level of its own, after a dot as after a hyphen.
            if here:
                here = deeper()
            digit = bool(following) and following[0].isdecimal()
            word = _SHORT.get(piece, piece) if digit else piece
            here.append(_SAME.get(word, word))
        last = piece
    for level in reversed(levels):
        _trim(level)
    return top


def _trim(level: list[Item]) -> None:
    """Take away what counts as nothing at the end of a level, and before what is below it."""
    for index in range(len(level) - 1, -1, -1):
        item = level[index]
        if item in (0, "") or item == []:
            del level[index]
        elif not isinstance(item, list):
            return


def _compared(one: Item | None, other: Item | None) -> int:
    """Return below, at or above 0; None stands for a part that is missing."""
    if one is None:
        return 0 if other is None else -_compared(other, None)
    if isinstance(one, list):
        return _level(one, other)
    if isinstance(one, int):
        return _number(one, other)
    if isinstance(other, str) or other is None:
        left, right = _rank(one), _rank(other or "")
        return (left > right) - (left < right)
    return -1


def _level(one: list[Item], other: Item | None) -> int:
    if isinstance(other, list):
        pairs = zip_longest(one, other)
        return next((found for left, right in pairs if (found := _compared(left, right))), 0)
    if other is None:
        return next((found for item in one if (found := _compared(item, None))), 0)
    return -1 if isinstance(other, int) else 1


def _number(one: int, other: Item | None) -> int:
    if isinstance(other, int):
        return (one > other) - (one < other)
    return int(one != 0) if other is None else 1


def _rank(word: str) -> tuple[int, str]:
    known = word in _QUALIFIERS
    return (_QUALIFIERS.index(word), "") if known else (len(_QUALIFIERS), word)
