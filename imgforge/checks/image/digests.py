"""IF040: a blob or its content differs from its digest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.problems import findings
from imgforge.checks.rule import Rule
from imgforge.policy import Policy

RULE: Final = Rule(
    "IF040",
    Severity.CRITICAL,
    "A layer is not what its digest says",
    why="",
    remedy="Build or fetch the image again; do not run this one.",
    references=("OCI image-spec, descriptor.md and config.md",),
)

_KINDS: Final = frozenset({"digest", "diff-id"})


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find blobs that are missing, cut off or exchanged, and layers not configured."""
    return findings(image, RULE, _KINDS)
