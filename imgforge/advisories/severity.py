"""How bad an advisory is, of all that is said about it.

A distribution's own word counts first: it knows how its package is built and used. Then the newest
version of CVSS that there is a vector of, then any other database's word. What nobody rated counts
as the worst, as everywhere here; ``by`` is empty then, so that who asks can tell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from imgforge.advisories.advisory import Severity
from imgforge.advisories.cvss import v2, v3
from imgforge.advisories.cvss4 import v4
from imgforge.severity import LEVELS, WORDS, Level, band


class Rating(NamedTuple):
    """What is made of severities: ``score`` is CVSS' (0 if there is none) by ``vector``.

    ``by`` says whose ``level`` it is: ``CVSS_V3``, ``Debian``, ``GHSA``; empty if nobody's.
    """

    level: Level
    score: float
    vector: str
    by: str


UNRATED: Final[Level] = "critical"
"""What counts for what nobody rated."""

_VECTORS: Final[dict[str, Callable[[str], float]]] = {
    "CVSS_V4": v4,
    "CVSS_V3": v3,
    "CVSS_V2": v2,
}
"""The newest first."""

_DISTRIBUTIONS: Final = frozenset({
    "AlmaLinux", "Alpaquita", "Alpine", "Azure Linux", "Chainguard", "DEBIAN", "DSA", "Debian",
    "Mageia", "Photon OS", "RHSA", "RLSA", "ALSA", "Red Hat", "Rocky Linux", "SUSE", "UBUNTU",
    "USN", "Ubuntu", "Wolfi", "openEuler", "openSUSE",
})  # fmt: skip


def rated(severities: Sequence[Severity]) -> Rating:
    """Return the rating that counts. A vector that cannot be read counts as none."""
    return _rated(tuple(severities))


@lru_cache(maxsize=1 << 12)
def _rated(severities: tuple[Severity, ...]) -> Rating:
    # Thousands of advisories have the same few hundred ratings.
    best = _by_vector(severities)
    words = [(each.kind, level) for each in severities if (level := _word(each)) is not None]
    own = [(who, level) for who, level in words if who in _DISTRIBUTIONS]
    if own:
        who, level = max(own, key=lambda each: LEVELS.index(each[1]))
        return Rating(level, best.score, best.vector, who) if best else Rating(level, 0.0, "", who)
    if best is not None:
        return best
    if words:
        who, level = max(words, key=lambda each: LEVELS.index(each[1]))
        return Rating(level, 0.0, "", who)
    return Rating(UNRATED, 0.0, "", "")


def says(severities: Sequence[Severity]) -> bool:
    """Whether anything in ``severities`` is a rating."""
    return bool(rated(severities).by)


def _by_vector(severities: Sequence[Severity]) -> Rating | None:
    for kind, read in _VECTORS.items():
        found: list[tuple[float, str]] = []
        for each in severities:
            if each.kind == kind:
                try:
                    found.append((read(each.value), each.value))
                except ValueError:
                    continue
        if found:
            score, vector = max(found)
            return Rating(band(score), score, vector, kind)
    return None


def _word(severity: Severity) -> Level | None:
    if severity.kind in _VECTORS:
        return None
    # Debian marks urgencies that follow from another source by asterisks.
    return WORDS.get(re.sub(r"[*\s]+", "", severity.value).lower())
