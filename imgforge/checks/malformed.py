"""IF041: an archive that tools may read differently, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.problems import problems
from imgforge.policy import Policy

ID: Final = "IF041"
SEVERITY: Final = Severity.CRITICAL
TITLE: Final = "A layer is malformed"
REMEDY: Final = "Build the layer again with a tool that follows the specification."
REFERENCES: Final = (
    "OCI image-spec, layer.md",
    "POSIX.1-2017, pax",
)

_KINDS: Final = frozenset({"malformed"})


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find what could not be read or is ambiguous: it was not checked, so it cannot pass."""
    for layer, key, problem in problems(image, _KINDS):
        message = f"/{problem.path}: {problem.detail}" if problem.path else problem.detail
        yield Finding(ID, SEVERITY, TITLE, message, REMEDY, problem.path, layer, key)
