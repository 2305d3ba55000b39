"""Components and the whole that they make: plain data."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from imgforge.analysis.facts import Binary, Package
from imgforge.oci.types import Platform

Part = Literal["base", "app", "build", ""]
"""Who has to change it: the base, the application, whoever builds; empty if nobody knows."""

Scope = Literal["required", "optional", "dev"]

PARTS: Final[tuple[Part, ...]] = ("base", "app", "build", "")
SCOPES: Final[tuple[Scope, ...]] = ("required", "optional", "dev")


class System(NamedTuple):
    """The distribution (os-release(5)): ``ID``, ``VERSION_ID``, ``VERSION_CODENAME``."""

    id: str
    version: str
    codename: str = ""


class Component(NamedTuple):
    """One package, and what is known of it beside what the image itself says.

    ``declared`` is the line of a lock that lists it (``imgforge.lock runtime libc6``,
    ``requirements.txt:12``), empty if none does. ``needs`` are the ``ref`` of components that it
    depends on, sorted. ``owner`` is the package of the distribution whose record has the file that
    speaks of a package of another kind (``deb:python3-requests``), empty if none does.
    """

    package: Package
    part: Part = ""
    scope: Scope = "required"
    declared: str = ""
    needs: tuple[str, ...] = ()
    owner: str = ""

    @property
    def ref(self) -> str:
        """What it is called within one inventory: its purl (or name and version), and its place."""
        package = self.package
        called = package.purl or f"{package.name}@{package.version}"
        places = "\0".join((*package.paths, package.inside))
        unique = hashlib.sha256(places.encode(errors="surrogateescape")).hexdigest()[:12]
        return f"{called}#{unique}"


@dataclass(frozen=True, slots=True)
class Inventory:
    """The components of one image of one platform.

    ``digest`` is its manifest's, ``layers`` the digests of its layers from the lowest up (empty if
    an SBOM does not say), ``components`` what it has, by ref, ``tools`` what built it and is not
    in it, ``files`` the programs that no package owns.
    """

    digest: str
    platform: Platform | None
    system: System | None
    layers: tuple[str, ...]
    components: tuple[Component, ...]
    tools: tuple[Component, ...] = ()
    files: tuple[Binary, ...] = ()
