"""TBD."""

from __future__ import annotations

from pathlib import Path

from imgforge.analysis.facts import ImageFacts
from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor


def analyse(layout: Layout, image: Descriptor, *, cache: Path | None = None) -> ImageFacts:
    """Read the image manifest ``image`` and its layers."""
    raise NotImplementedError
