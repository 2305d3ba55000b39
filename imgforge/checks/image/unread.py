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
    why="A credential or malware in content that was not read would not have been found, so "
    "nothing good can be said of the file. This is reported rather than passed over.",
    remedy="Store the file without the sparse format of tar.",
    example="""\
# Faulty: holes are stored in a form that the analysis does not follow.
tar --sparse -cf layer.tar data/

# Cured: the same files, whole.
tar -cf layer.tar data/
""",
    references=("GNU tar manual, Sparse Formats", "CWE-693"),
)

_KINDS: Final = frozenset({"sparse"})


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find sparse files: what was not read cannot pass."""
    return findings(image, RULE, _KINDS)
