"""IF044: content that the analysis cannot look into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.problems import problems
from imgforge.policy import Policy

ID: Final = "IF044"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "A file was not read"
REMEDY: Final = "Store the file without the sparse format of tar."
REFERENCES: Final = ("GNU tar manual, Sparse Formats",)

_KINDS: Final = frozenset({"sparse"})


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find sparse files: what was not read cannot pass."""
    for layer, key, problem in problems(image, _KINDS):
        message = f"/{problem.path}: {problem.detail}" if problem.path else problem.detail
        yield Finding(ID, SEVERITY, TITLE, message, REMEDY, problem.path, layer, key)
