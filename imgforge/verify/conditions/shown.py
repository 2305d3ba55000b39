"""How what stands in a predicate is walked, compared and printed: it may be hostile."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

_SHOWN: Final = 100
MAX_TEXT: Final = 10_000
"""Characters of a text that a glob is held against."""


class Unreadable(ValueError):  # noqa: N818 - it is caught here, and no error to others
    """A part of a predicate is missing or of another type; the text is the whole reason."""


def shown(value: object) -> str:
    """Return a value in at most about a hundred printable characters of ASCII."""
    if isinstance(value, str):
        return f"{value[:_SHOWN]!a}" + ("..." if len(value) > _SHOWN else "")
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value) if abs(value) < 1 << 64 else "a huge number"
    if isinstance(value, float):
        return repr(value)
    return "an object" if isinstance(value, dict) else "a list"


def at(value: object, *path: str) -> object:
    """Return what stands below ``value`` at a path of keys, or None."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def word(value: object, *path: str) -> str:
    """Return the text at a path, or an empty one: what stands there must never be formatted."""
    found = at(value, *path)
    return found if isinstance(found, str) else ""


def text(value: object, *path: str) -> str:
    """Return the text at a path; Unreadable if there is none."""
    found = at(value, *path)
    if not isinstance(found, str):
        what = "nothing" if found is None else shown(found)
        raise Unreadable(f"{'.'.join(path)}: there is no text, but {what}")
    return found


def items(value: object, *path: str) -> Sequence[object]:
    """Return the list at a path; Unreadable if there is none."""
    found = at(value, *path)
    if not isinstance(found, list):
        what = "nothing" if found is None else shown(found)
        raise Unreadable(f"{'.'.join(path)}: there is no list, but {what}")
    return found


def fits(value: str, glob: str) -> bool:
    """Whether a glob matches the whole of ``value`` (``*`` crosses ``/``, case counts)."""
    return len(value) <= MAX_TEXT and fnmatchcase(value, glob)


def fits_uri(value: str, glob: str) -> bool:
    """Match a URI: where the glob has a scheme, no wildcard leaves the scheme, host or path.

    So ``https://*.example.com/*`` is no ``https://evil.org/.example.com/x``.
    """
    from imgforge.signing import claims

    if "://" not in glob:
        return fits(value, glob)
    return len(value) <= MAX_TEXT and claims.fits(value, glob)
