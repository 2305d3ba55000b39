"""How each ecosystem compares names and versions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_SEPARATORS: Final = re.compile(r"[-_.]+")


def pypi(name: str) -> str:
    """Normalise a distribution's name (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


def folded(ecosystem: str, name: str) -> str:
    """Return ``name`` as its ecosystem compares it: some registries ignore the case of letters."""
    fold = _FOLDS.get(ecosystem)
    return name if fold is None else fold(name)


_FOLDS: Final[dict[str, Callable[[str], str]]] = {
    "composer": str.lower,
    "golang": str.lower,
    "nuget": str.lower,
    "pypi": pypi,
}


def same_version(ecosystem: str, one: str, other: str) -> bool:
    """Whether two versions are one: PEP 440 has ``1.0`` and ``1.0.0``, Go a ``v`` before it.

    Elsewhere a registry takes each version once, as it is written; npm, Cargo and Composer leave
    what stands behind a ``+`` aside (semver.org, 10), and Composer a ``v`` before it.
    """
    if one == other:
        return True
    if ecosystem == "pypi":
        return _same_pypi(one, other)
    if ecosystem in {"composer", "golang"}:
        one, other = one.removeprefix("v"), other.removeprefix("v")
    if ecosystem in {"npm", "cargo"}:
        one, other = one.partition("+")[0], other.partition("+")[0]
    if ecosystem == "nuget":
        one, other = one.partition("+")[0].lower(), other.partition("+")[0].lower()
    return one == other


def _same_pypi(one: str, other: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return False
