"""Names of licences as distributions spell them, turned into SPDX's (licence list 3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Final

_GNU: Final = re.compile(
    r"(a?gpl|lgpl|gfdl)(-niv)?(?:-?v?([1-3](?:\.[0-9])?))?(\+|-or-later|-only)?", re.IGNORECASE
)
_FIRST: Final = {"GPL": "1.0", "LGPL": "2.0", "GFDL": "1.1", "AGPL": "1.0"}
_UNFIT: Final = re.compile(r"[^A-Za-z0-9.-]+")
_TOKENS: Final = re.compile(r"\s*([()]|\b(?:and|or)\b(?!-))\s*", re.IGNORECASE)


@cache
def known(name: str) -> str:
    """Return SPDX's spelling of one of its identifiers, or nothing."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    if not name or " " in name or name.upper() in {"AND", "OR", "WITH"}:
        return ""
    try:
        return canonicalize_license_expression(name)
    except InvalidLicenseExpression:
        return ""


@cache
def gnu(name: str) -> str:
    """Read ``GPL-2+``, ``LGPLv2.1`` and the like; nothing if it is none of these.

    Without a version any may be chosen (GPL version 2, section 9), so it is the first or later.
    """
    match = _GNU.fullmatch(name)
    if match is None:
        return ""
    family, invariant, version, suffix = match.groups()
    family = family.upper()
    if version is None:
        return known(f"{family}-{_FIRST[family]}-or-later")
    number = version if "." in version else version + ".0"
    free = "-no-invariants" if invariant else ""
    later = "only" if suffix in {None, "-only"} else "or-later"
    return known(f"{family}-{number}{free}-{later}")


def unknown(who: str, name: str) -> str:
    """Return a reference for what SPDX has no identifier for and ``who`` calls ``name``."""
    return f"LicenseRef-{who}-{_UNFIT.sub('-', name).strip('-') or 'unnamed'}"


def translated(said: str, one: Callable[[str], str]) -> str:
    """Turn names joined by ``and``, ``or`` and parentheses into SPDX's, each by ``one``.

    What is a valid expression already is returned as it is.
    """
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        return canonicalize_license_expression(said)
    except InvalidLicenseExpression:
        pass
    parts = [part for part in _TOKENS.split(said) if part.strip()]
    return (
        " ".join(part.upper() if _TOKENS.fullmatch(part) else one(part.strip()) for part in parts)
        .replace("( ", "(")
        .replace(" )", ")")
    )
