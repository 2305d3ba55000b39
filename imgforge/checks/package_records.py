"""IF045: a package database entry is broken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.problems import problems
from imgforge.policy import Policy

ID: Final = "IF045"
SEVERITY: Final = Severity.MEDIUM
TITLE: Final = "A package record cannot be read"
REMEDY: Final = "Install the package again; the SBOM lacks it."
REFERENCES: Final = (
    "https://packaging.python.org/en/latest/specifications/core-metadata/",
    "Debian policy 5.1",
)

_KINDS: Final = frozenset({"record"})


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find records of packages that the SBOM therefore lacks."""
    for layer, key, problem in problems(image, _KINDS):
        message = f"/{problem.path}: {problem.detail}" if problem.path else problem.detail
        yield Finding(ID, SEVERITY, TITLE, message, REMEDY, problem.path, layer, key)
