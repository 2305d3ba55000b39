"""Reading an image's layers once, as streams, into facts."""

from imgforge.analysis.facts import (
    Entry,
    FileFact,
    ImageFacts,
    LayerFacts,
    MalwareHit,
    Package,
    Problem,
    SecretHit,
)
from imgforge.analysis.image import analyse

__all__ = [
    "Entry",
    "FileFact",
    "ImageFacts",
    "LayerFacts",
    "MalwareHit",
    "Package",
    "Problem",
    "SecretHit",
    "analyse",
]
