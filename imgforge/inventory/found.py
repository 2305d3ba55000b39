"""The inventory of an image that was read."""

from __future__ import annotations

from imgforge.analysis.facts import ImageFacts
from imgforge.analysis.purl import distribution
from imgforge.inventory.component import Component, Inventory, System


def of(image: ImageFacts) -> Inventory:
    """Return what is in ``image``."""
    return Inventory(
        digest=image.digest,
        platform=image.platform,
        system=system(image),
        layers=tuple(layer.digest for layer in image.layers),
        components=tuple(Component(package) for package in image.packages),
    )


def system(image: ImageFacts) -> System | None:
    """Return the distribution that ``etc/os-release`` names, or None."""
    release = image.text("etc/os-release") or image.text("usr/lib/os-release")
    said = distribution(release) if release else {}
    if not said.get("ID"):
        return None
    return System(said["ID"], said.get("VERSION_ID", ""), said.get("VERSION_CODENAME", ""))
