"""IF044: content that the analysis cannot look into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.problems import findings
from imgforge.checks.rule import Rule
from imgforge.policy import Policy

RULE: Final = Rule(
    "IF044",
    Severity.HIGH,
    "A file was not read",
    why="Every check is about what was read. A file that could not be looked into may hold"
    " anything: a credential, malware, a program with more rights. It is reported, because a"
    " pass that leaves files out says nothing.",
    remedy="Store the file without the sparse format of tar.",
    example="""\
# Faulty: holes are stored in a form that the analysis does not follow.
tar --sparse -cf layer.tar data/

# Cured: the same files, whole.
tar -cf layer.tar data/
""",
    references=("GNU tar manual, Sparse Formats",),
)

_KINDS: Final = frozenset({"sparse"})


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find sparse files: what was not read cannot pass."""
    return findings(image, RULE, _KINDS)
