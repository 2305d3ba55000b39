"""Saying in which layer something lies that the final file system hides."""

from __future__ import annotations

from imgforge.analysis.facts import HARDLINK, Entry, FileFact, ImageFacts


def still_shipped(image: ImageFacts, index: int) -> str:
    """Return what to add to a message about layer number ``index``; layers are counted from 1."""
    return f" (hidden now, but still shipped in layer {index + 1} of {len(image.layers)})"


def seen_as(image: ImageFacts, index: int, entry: Entry) -> FileFact | None:
    """Return the file that a hard link of layer number ``index`` still is a name of.

    Its content lies with another name, in this layer or one below; None for other entries.
    """
    now = image.lookup(entry.path) if entry.kind == HARDLINK else None
    return now if now is not None and now.layer <= index else None
