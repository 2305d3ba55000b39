"""The distribution that an image says it is: ``os-release`` (os-release(5))."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from imgforge.analysis.facts import ImageFacts

_PLACES: Final = ("etc/os-release", "usr/lib/os-release")
"""The first that is there counts."""


def of(image: ImageFacts) -> dict[str, str]:
    """Return the variables that the final file system of ``image`` sets; empty without a file."""
    return read(next((text for place in _PLACES if (text := image.text(place))), ""))


def read(text: str) -> dict[str, str]:
    """Return the variables that the text of such a file sets."""
    out = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            out[key.strip()] = value.strip().strip("\"'")
    return out
