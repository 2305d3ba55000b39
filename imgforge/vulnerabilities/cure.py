"""What has to be changed to be rid of a vulnerability, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgforge.inventory import Component
    from imgforge.vulnerabilities.vulnerability import Vulnerability

BASE = "imgforge lock --upgrade takes the base's fixed packages; then build again."
APPLICATION = "Raise the version where it is declared, lock it, and build again."
BUILDER = "It came from what built the image: upgrade the builder, and build again."
UNKNOWN = "Take a version that is mended, and build again."
NONE = "No version mends it yet: take it out, say by VEX why it does no harm, or accept it."


def remedy(one: Vulnerability) -> str:
    """Return what to do, the same for all of a kind."""
    if one.malicious:
        return "Take it out, and treat what ran it as compromised."
    if not one.fixed:
        return NONE
    return {"base": BASE, "app": APPLICATION, "build": BUILDER}.get(one.component.part, UNKNOWN)


def place(component: Component) -> str:
    """Return what has to be changed: the base, or where the application declares it."""
    if component.part == "base":
        return "base"
    if component.declared:
        return component.declared
    package = component.package
    return package.place if package.paths else package.purl


def action(one: Vulnerability) -> str:
    """Say in a few words what mends this very one."""
    package = one.component.package
    if one.malicious:
        return f"take {package.title} out"
    if not one.fixed:
        return f"no version of {package.title} mends it yet"
    if one.component.part == "base":
        return f"imgforge lock --upgrade ({package.title} {one.fixed})"
    where = f" in {one.component.declared}" if one.component.declared else ""
    return f"raise {package.title}{where} to >= {one.fixed}"
