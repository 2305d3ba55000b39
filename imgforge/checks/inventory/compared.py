"""What the checks of this folder look at: an inventory beside what is declared of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from imgforge.analysis.facts import ImageFacts, Package
from imgforge.inventory import Component, Declared, Inventory, found
from imgforge.inventory.matching import Match, matches, owners


@dataclass(frozen=True)
class Compared:
    """An image, its inventory and what its project declares."""

    image: ImageFacts
    inventory: Inventory
    declared: Declared

    @cached_property
    def pairs(self) -> list[tuple[Component, Match]]:
        """Every installed component with what is declared of it.

        A package that only a list beside it names (``found`` is ``lock``) need not be there.
        """
        components = [c for c in self.inventory.components if c.package.found != "lock"]
        packages = [c.package for c in components]
        parts = [c.part for c in components]
        owned = owners(self.image, packages, self.below)
        return list(zip(components, matches(packages, parts, self.declared, owned), strict=True))

    @cached_property
    def below(self) -> int:
        """How many layers are the base's."""
        return found.below(self.image, self.declared.layers)

    def within(self, path: str, places: tuple[str, ...]) -> bool:
        """Whether ``path`` lies in one of ``places``."""
        return any(not p or path == p or path.startswith(f"{p}/") for p in places)


def named(package: Package) -> str:
    """Return what a message calls a package."""
    return f"the {package.ecosystem} package {package.title} {package.version}".rstrip()
