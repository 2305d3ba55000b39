"""IF042: paths and hard links that leave the root."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.problems import problems
from imgforge.policy import Policy

ID: Final = "IF042"
SEVERITY: Final = Severity.CRITICAL
TITLE: Final = "A layer reaches out of the image"
REMEDY: Final = "Build the layer again; do not unpack this one."
REFERENCES: Final = (
    "CWE-22",
    "CVE-2019-14271",
)

_KINDS: Final = frozenset({"traversal"})


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find names with .., absolute names, and hard links that point outside."""
    for layer, key, problem in problems(image, _KINDS):
        message = f"/{problem.path}: {problem.detail}" if problem.path else problem.detail
        yield Finding(ID, SEVERITY, TITLE, message, REMEDY, problem.path, layer, key)
