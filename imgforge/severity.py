"""How bad a finding or a vulnerability is, and the words and scores that say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Level = Literal["info", "low", "medium", "high", "critical"]

LEVELS: Final[tuple[Level, ...]] = ("info", "low", "medium", "high", "critical")
"""From the least to the worst."""

WORDS: Final[Mapping[str, Level]] = {
    "critical": "critical",
    "emergency": "critical",
    "high": "high",
    "important": "high",
    "medium": "medium",
    "moderate": "medium",
    "low": "low",
    "minor": "low",
    "info": "info",
    "informational": "info",
    "negligible": "info",
    "none": "info",
    "unimportant": "info",
}
"""Words in use: CVSS' bands, Trivy's and grype's, GitHub's, Red Hat's, Ubuntu's, Debian's."""

_BANDS: Final[tuple[tuple[float, Level], ...]] = (
    (9.0, "critical"),
    (7.0, "high"),
    (4.0, "medium"),
    (0.1, "low"),
)


def band(score: float) -> Level:
    """Return CVSS' qualitative rating of a score (specification 3.1, 5; 4.0, 6)."""
    return next((level for least, level in _BANDS if score >= least), "info")
