"""SPDX 2.3 JSON."""

from __future__ import annotations

from imgforge.analysis.facts import ImageFacts


def render(image: ImageFacts, *, name: str, created: int) -> bytes:
    """Return the document; ``created`` is in seconds since 1970."""
    raise NotImplementedError
