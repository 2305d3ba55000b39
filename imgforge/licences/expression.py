"""SPDX licence expressions (SPDX 2.3, annex D): which of their licences stand in the way."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

_WORD: Final = re.compile(r"[()]|[^\s()]+")
_GNU: Final = re.compile(r"((?:A|L)?GPL-[0-9.]+|GFDL-[0-9.]+)(\+?)")
_BINDS: Final = {"OR": 1, "AND": 2}
LATER: Final = "-or-later"
ONLY: Final = "-only"


class Simple(NamedTuple):
    """One licence of an expression: ``name`` is its identifier as SPDX spells it now.

    ``later`` says that every later version will do, too; ``exception`` is what stands behind WITH,
    or empty.
    """

    name: str
    later: bool = False
    exception: str = ""

    def __str__(self) -> str:
        """Return it as an expression has it."""
        plus = "+" if self.later and not self.name.endswith(LATER) else ""
        return f"{self.name}{plus}" + (f" WITH {self.exception}" if self.exception else "")


def canonical(said: str) -> str | None:
    """Return the SPDX expression that metadata means, or None if it is none."""
    from imgforge.sbom.parts import expression

    return expression(said) if said.strip() else None


def refused(expression: str, refuses: Callable[[Simple], bool]) -> list[str]:
    """Return the licences that stand in the way of using what has this canonical ``expression``.

    Of an OR one alternative that nothing refuses is enough, an AND needs all; a licence that may be
    replaced by a later one is that choice already. Empty if it may be used.
    """
    # Shunting-yard (Dijkstra 1961): no depth of parentheses is a depth of calls here.
    values: list[list[str]] = []
    operators: list[str] = []

    def apply() -> None:
        right, left = values.pop(), values.pop()
        either = operators.pop() == "OR"
        if either and not (left and right):
            left = []
        else:
            left += right  # a copy each time would be the square of what a document may have
        values.append(left)

    words = _WORD.findall(expression)
    at = 0
    while at < len(words):
        word = words[at]
        if word == "(":
            operators.append(word)
        elif word == ")":
            while operators[-1] != "(":
                apply()
            operators.pop()
        elif word in _BINDS:
            while operators and _BINDS.get(operators[-1], 0) >= _BINDS[word]:
                apply()
            operators.append(word)
        else:
            exception = words[at + 2] if words[at + 1 : at + 2] == ["WITH"] else ""
            one = _simple(word, exception)
            values.append([str(one)] if refuses(one) else [])
            at += 2 if exception else 0
        at += 1
    while operators:
        apply()
    return list(dict.fromkeys(values[0]))


def _simple(word: str, exception: str = "") -> Simple:
    """Read one identifier; the GNU licences' older ones (GPL-2.0, GPL-2.0+) by their new names."""
    gnu = _GNU.fullmatch(word)
    if gnu is not None:
        return Simple(gnu[1] + (LATER if gnu[2] else ONLY), bool(gnu[2]), exception)
    later = word.endswith(("+", LATER))
    return Simple(word.removesuffix("+"), later, exception)


def spelled(entry: str) -> str | None:
    """Return an entry of a policy's list as licences are compared with it.

    It names one licence, with or without ``WITH`` an exception, or is a glob of such names. None if
    it is neither: SPDX knows no licence of that name, or it is an expression of several.
    """
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    words = entry.split()
    if any(sign in entry for sign in "*?["):
        fits = len(words) == 1 or (len(words) == _WITH and words[1] == "WITH")
        return " ".join(words) if fits else None
    try:
        found = str(canonicalize_license_expression(entry))
    except InvalidLicenseExpression:
        return None
    parts = found.split()
    if len(parts) == 1 and "(" not in found:
        return str(_simple(found))
    if len(parts) == _WITH and parts[1] == "WITH" and "(" not in found:
        return str(_simple(parts[0], parts[2]))
    return None


_WITH: Final = 3
"""Words of a licence with an exception."""
