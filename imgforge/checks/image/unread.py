"""IF044: content that the analysis cannot look into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.problems import findings
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF044",
    Severity.HIGH,
    "A file was not read to its end",
    why="What was not read was not searched for credentials or malware. An archive that expands"
    " to far more than its size, is nested very deep or is packed in a way nobody else uses may"
    " have been made for that. Encrypted archives hide what they hold from every scanner; damaged"
    " ones are often test data, and are read by some tools and not by others.",
    remedy="Ship the files themselves, or leave the archive out of the image.",
    example="""\
# Faulty: nobody can look into the archive.
zip --encrypt data.zip data/
COPY data.zip /app/

# Cured: the files themselves.
COPY data/ /app/data/
""",
    references=("CWE-409", "NIST SP 800-190 4.1.3", "APPNOTE.TXT 6.3.10"),
)

_SEVERITIES: Final = {
    "unread": Severity.HIGH,
    "encrypted": Severity.MEDIUM,
    "closed": Severity.MEDIUM,
    "damaged": Severity.LOW,
}


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find archives that were not opened in full: what was not read cannot pass."""
    for kind, severity in _SEVERITIES.items():
        yield from findings(image, RULE, frozenset({kind}), severity)
