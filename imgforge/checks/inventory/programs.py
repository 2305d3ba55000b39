"""IF194: programs that no package and no place of the spec accounts for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.inventory.compared import Compared
from imgforge.checks.rule import Rule

RULE: Final = Rule(
    "IF194",
    Severity.MEDIUM,
    "A program is declared nowhere",
    why="Programs come with a package, whose record owns them, or with the application, in the "
    "places that its spec fills. One that neither accounts for has no version that anybody could "
    "hold against advisories; it may have been put there by hand, or by an intruder.",
    remedy="Install it as a package, copy it into a place of the spec, or remove it.",
    example="# in the image, owned by no package:\n/usr/local/bin/helper",
    references=("NIST SP 800-190 4.1.1", "NIST SP 800-53 CM-7"),
)


def check(compared: Compared) -> Iterator[Finding]:
    """Find ELF files that no package owns, outside the base and the places of the spec."""
    declared, image = compared.declared, compared.image
    for binary in compared.inventory.files:
        fact = image.files.get(binary.path)
        if fact is None or compared.within(binary.path, declared.places):
            continue
        if fact.layer < compared.below or binary.sha256 in declared.programs:
            continue
        layer = image.layers[fact.layer].digest
        known = f" ({binary.name} {binary.version})" if binary.name else ""
        yield RULE.finding(
            f"/{binary.path}{known} belongs to no package and to no place of the spec",
            path=binary.path,
            layer=layer,
        )
