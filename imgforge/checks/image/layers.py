"""Saying in which layer something lies that the final file system hides."""

from __future__ import annotations

from imgforge.analysis.facts import ImageFacts


def still_shipped(image: ImageFacts, index: int) -> str:
    """Return what to add to a message about layer number ``index``; layers are counted from 1."""
    return f" (hidden now, but still shipped in layer {index + 1} of {len(image.layers)})"
