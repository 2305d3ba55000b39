"""IF082: packages of the base that are missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.drift.expected import Expectation
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.inventory.matching import identity

RULE: Final = Rule(
    "IF082",
    Severity.MEDIUM,
    "A package of the base is missing",
    why="What the base has was verified with it. A package that only the base has was removed "
    "later, or its record was: then scanners no longer see what is still running. IF190 to IF195 "
    "compare with what locks list; a registry's base is listed by none.",
    remedy="Build the image again from its spec; if the package is in the way, take another base.",
    example="# removed by hand from an image: /var/lib/dpkg/status.d/libssl3t64",
    references=("NIST SP 800-190 4.1.1", "SLSA v1 provenance, resolvedDependencies"),
)


def check(image: ImageFacts, expected: Expectation) -> Iterator[Finding]:
    """Look for every package of the base that its lock does not list."""
    here = {identity(package) for package in image.packages}
    listed = expected.listed
    for package in expected.base.packages:
        if identity(package) in here or (package.ecosystem, package.name) in listed:
            continue
        message = f"the {package.ecosystem} package {package.name} {package.version} is missing"
        yield RULE.finding(
            message, path=package.paths[0], key=f"{package.ecosystem}:{package.name}"
        )
