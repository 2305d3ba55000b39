"""Reports: pure functions from findings to text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from imgforge.checks.finding import Finding

Format = Callable[[Sequence[Finding]], str]

FORMATS: Final[dict[str, Format]] = {}
"""``text``, ``json``, ``sarif``, ``github``; text also takes ``colour=True``."""
