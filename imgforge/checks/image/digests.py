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
    why="Digests are what signatures, evidence and pins speak of. Bytes that differ from "
    "theirs were damaged or exchanged on the way, and nothing that was ever said of the "
    "image holds for them. Some tools accept them without a word.",
    remedy="Build or fetch the image again; do not run this one.",
    example="imgforge check oci:layout      # a blob was exchanged\n\n"
    "imgforge build                 # make it again, then verify\n"
    "imgforge verify registry.acme.example/web@sha256:...",
    references=("OCI image-spec, descriptor.md and config.md", "NIST SP 800-190 4.1.5", "CWE-354"),
)

_KINDS: Final = frozenset({"digest", "diff-id"})


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find blobs that are missing, cut off or exchanged, and layers not configured."""
    return findings(image, RULE, _KINDS)
