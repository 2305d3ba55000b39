"""Which of the versions that a stack offers a project asks for, in its language's own writing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_PART: Final = re.compile(r"(~>|~=|===?|!=|>=|<=|\^|~|>|<|=)?\s*v?(\d+(?:\.\d+)*)(?:\.[x*])?")
_LONGEST: Final = 500
"""Characters of a range that count."""
_WORDS: Final = re.compile(r"(?i)\b(?:ruby|node|php|python|go|rust|java|openjdk|temurin)-?")


def choose(wanted: str, offered: Iterable[str], default: str) -> str | None:
    """Return the default if ``wanted`` allows it, else the highest that it allows, else None.

    ``wanted`` is a version (3.12.4, v22, ruby-3.3.8) or a range (>=3.11,<4, ^8.2 || ^9, ~> 3.3). An
    offer stands for all its patch releases. Words such as lts/* allow anything.
    """
    ordered = sorted(offered, key=_numbers, reverse=True)
    ordered.sort(key=lambda version: version != default)
    return next((version for version in ordered if _allows(wanted, version)), None)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d{1,9}", version))


def _allows(wanted: str, version: str) -> bool:
    text = _WORDS.sub("", wanted[:_LONGEST])
    choices = [_PART.findall(part) for part in text.replace("||", "|").split("|")]
    known = [choice for choice in choices if choice]
    return not known or any(
        all(_holds(operator, _numbers(number), _numbers(version)) for operator, number in choice)
        for choice in known
    )


def _holds(operator: str, number: tuple[int, ...], offer: tuple[int, ...]) -> bool:
    size = len(offer)
    near = number[:size] + (0,) * (size - len(number))
    # The last number given may grow; ~ keeps the second, ~> and ~= all but the last.
    kept = {"^": 1, "~": min(len(number), 2)}.get(operator, len(number) - 1)
    if operator in {"^", "~", "~>", "~="}:
        return offer >= near and offer[:kept] == number[: min(kept, size)]
    same = offer[: len(number)] == number[:size]
    answers = {
        ">=": offer >= near,
        ">": offer >= near,
        "<": offer < near or (offer == near and any(number[size:])),
        "<=": offer[: len(number)] <= number[:size],
        "!=": len(number) > size or not same,
    }
    return answers.get(operator, same)
