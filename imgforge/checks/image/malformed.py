"""IF041: an archive that tools may read differently, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.problems import findings
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF041",
    Severity.CRITICAL,
    "A layer is malformed",
    why="Readers of archives disagree about headers that break the rules: one skips the entry,"
    " another ends there, a third unpacks it under another name. Content can be hidden this"
    " way from everything that looks at an image and still reach the machine that runs it."
    " What could not be read was not checked.",
    remedy="Build the layer again with a tool that follows the specification.",
    example="""\
# Faulty: what follows the end marker is seen by some readers only.
cat first.tar second.tar > layer.tar

# Cured: one archive, written by one tool.
tar --concatenate --file first.tar second.tar
""",
    references=(
        "OCI image-spec, layer.md",
        "POSIX.1-2017, pax",
    ),
)

_KINDS: Final = frozenset({"malformed"})


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find what could not be read or is ambiguous: it was not checked, so it cannot pass."""
    return findings(image, RULE, _KINDS)
