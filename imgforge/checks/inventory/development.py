"""IF193: packages that are for development only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.inventory.compared import Compared, named
from imgforge.checks.rule import Rule

RULE: Final = Rule(
    "IF193",
    Severity.MEDIUM,
    "A package for development is installed",
    why="Test runners, bundlers and linters are nothing that a running service needs. Each brings "
    "faults of its own, and often the means to run other people's code.",
    remedy="Install without development dependencies.",
    example="npm ci --omit=dev\ncomposer install --no-dev\nuv sync --no-dev",
    references=("NIST SP 800-190 4.1.2", "CIS Docker Benchmark 4.3"),
)


def check(compared: Compared) -> Iterator[Finding]:
    """Find components of the application that are needed for development alone."""
    for component, match in compared.pairs:
        package = component.package
        if component.scope == "dev" and component.part != "base":
            by = f", says {match.locked.path}" if match.locked is not None else ""
            yield RULE.finding(
                f"{named(package)} is for development only{by}",
                path=package.paths[0],
                layer=package.layer,
                key=package.key,
            )
