"""Globs as policies for clusters hold them: regular expressions of RE2, or paths of images.

A glob is fnmatch's, matched whole; ``*`` crosses ``/``. What RE2 is given never matches more than
the glob does: its dot knows no line breaks, which no identity has.
"""

from __future__ import annotations

import re
from typing import Final

_WILD: Final = re.compile(r"[*?[]")
_SET: Final = re.compile(r"\[(!?)([A-Za-z0-9_.@:/-]+)\]")
_RANGE: Final = re.compile(r"(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_.@:/])+-?")
_BRACKETED: Final = frozenset(".+*?()[|$")
_ESCAPED: Final = frozenset("]\\^{}")


class Unsupported(ValueError):  # noqa: N818 - whoever renders collects them
    """A demand that a policy engine cannot hold; the text says which, and why."""


def is_literal(glob: str) -> bool:
    """Whether the glob matches nothing but itself."""
    return not _WILD.search(glob)


def regex(glob: str) -> str:
    """Return the anchored regular expression; Unsupported for an odd set in brackets."""
    out: list[str] = []
    index = 0
    while index < len(glob):
        one = glob[index]
        index += 1
        if one in "*?":
            out.append(".*" if one == "*" else ".")
        elif one == "[" and "]" in glob[index + 1 :]:
            found = _SET.match(glob, index - 1)
            if found is None or not _ordered(found[2]):
                raise Unsupported(f"the set in {glob!a} is none that is written out here")
            out.append(f"[{'^' if found[1] else ''}{found[2]}]")
            index = found.end()
        else:
            out.append(_escaped(one))
    return f"^{''.join(out)}$"


def _ordered(members: str) -> bool:
    if not _RANGE.fullmatch(members):
        return False
    return all(pair[0] <= pair[2] for pair in re.findall(r"[A-Za-z0-9]-[A-Za-z0-9]", members))


def _escaped(one: str) -> str:
    if one in _BRACKETED:
        return f"[{one}]"
    return f"\\{one}" if one in _ESCAPED else one
