"""How bad a finding or a vulnerability is."""

from __future__ import annotations

from typing import Final, Literal

Level = Literal["info", "low", "medium", "high", "critical"]

LEVELS: Final[tuple[Level, ...]] = ("info", "low", "medium", "high", "critical")
"""From the least to the worst."""
