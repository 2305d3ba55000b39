"""IF040: a blob or its content differs from its digest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.problems import findings
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF040",
    Severity.CRITICAL,
    "A layer is not what its digest says",
    why="An image is named by digests all the way down: the manifest names its layers, the"
    " configuration names what they unpack to. Where bytes and digest differ, something was"
    " damaged or exchanged on the way, and some tools do not look. Nothing else that is said"
    " about this image, by us or by a signature, is about what would run.",
    remedy="Build or fetch the image again; do not run this one.",
    example="""\
# Faulty: a layer was edited in place.
gzip -d < layer | sed s/old/new/ | gzip > image/blobs/sha256/9f2c...

# Cured: build again; a layer that changes gets a new digest.
imgforge build
""",
    references=("OCI image-spec, descriptor.md and config.md",),
)

_KINDS: Final = frozenset({"digest", "diff-id"})


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find blobs that are missing, cut off or exchanged, and layers not configured."""
    return findings(image, RULE, _KINDS)
