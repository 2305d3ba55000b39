"""IF040: a blob or its content differs from its digest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.problems import problems
from imgforge.policy import Policy

ID: Final = "IF040"
SEVERITY: Final = Severity.CRITICAL
TITLE: Final = "A layer is not what its digest says"
REMEDY: Final = "Build or fetch the image again; do not run this one."
REFERENCES: Final = ("OCI image-spec, descriptor.md and config.md",)

_KINDS: Final = frozenset({"digest", "diff-id"})


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find blobs that are missing, cut off or exchanged, and layers not configured."""
    for layer, key, problem in problems(image, _KINDS):
        message = f"/{problem.path}: {problem.detail}" if problem.path else problem.detail
        yield Finding(ID, SEVERITY, TITLE, message, REMEDY, problem.path, layer, key)
