"""IF195: packages that the lock has for other platforms only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.inventory.compared import Compared, named
from imgforge.checks.rule import Rule

RULE: Final = Rule(
    "IF195",
    Severity.MEDIUM,
    "A package is for another platform",
    why="A lock names the platforms and interpreters for which a package is meant. One that is "
    "installed elsewhere was not installed from the lock by its own rules; its programs cannot "
    "run, and what should stand in its place may be missing.",
    remedy="Install for the image's own platform and interpreter, and build the image again.",
    example='# requirements.txt: colorama==0.4.6 ; sys_platform == "win32"',
    references=("SLSA v1 provenance, resolvedDependencies",),
)


def check(compared: Compared) -> Iterator[Finding]:
    """Find components whose every entry is meant for something else than the image's target."""
    for component, match in compared.pairs:
        package, locked = component.package, match.locked
        if locked is not None and match.elsewhere and not match.entries:
            entry = match.elsewhere[0]
            limits = (entry.marker, *entry.os, *entry.cpu, *entry.libc)
            meant = " ".join(word for word in limits if word) or entry.architecture
            yield RULE.finding(
                f"{named(package)} is installed, {locked.path} has it for {meant} only",
                path=package.paths[0],
                layer=package.layer,
                key=package.key,
            )
