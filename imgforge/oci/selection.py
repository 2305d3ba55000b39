"""Choosing the images of an index by platform."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from imgforge.oci.types import Descriptor, Platform


def select(images: Sequence[Descriptor], platforms: Collection[Platform]) -> list[Descriptor]:
    """Return those of ``images`` that are for one of ``platforms``, in their order.

    A platform asked for without a variant is met by any variant, and arm64 has only v8, which
    some name and some do not. ValueError names the first
    platform that no image is for.
    """
    for asked in sorted(platforms):
        if not any(_meets(image.platform, asked) for image in images):
            raise ValueError(f"there is no image for {asked}")
    return [i for i in images if any(_meets(i.platform, asked) for asked in platforms)]


def _meets(have: Platform | None, asked: Platform) -> bool:
    if have is None or (have.os, have.architecture) != (asked.os, asked.architecture):
        return False
    only = "v8" if asked.architecture == "arm64" else ""
    return not asked.variant or asked.variant == (have.variant or only)
