"""IF132: ADD of local files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.sources import is_remote, shown
from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.dockerfile.lines import is_heredoc
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF132",
    Severity.LOW,
    "ADD is used where COPY would do",
    why=(
        "ADD unpacks archives and follows URLs, COPY copies. Where only copying is meant, "
        "ADD lets an archive that somebody put into the context write files and links "
        "wherever it likes, and hides from the reader which of the three is meant."
    ),
    remedy="Use COPY; keep ADD for a local archive that is meant to be unpacked.",
    example="""\
ADD app/ /app/
# better
COPY app/ /app/
""",
    references=(
        "CIS Docker Benchmark 4.9",
        "hadolint DL3020",
        "Trivy DS-0005",
        "Dockle CIS-DI-0009",
    ),
)

_ARCHIVE: Final = re.compile(r"(?i).*\.(?:tar|t?gz|tgz|bz2|tbz2?|xz|txz|zst|tzst|tar\.\S+|Z)")


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find ADD of what is neither an archive nor a URL nor a here-document."""
    for stage, step in subject.steps():
        if step.name != "ADD":
            continue
        for source in step.args[:-1]:
            if not (is_remote(source) or is_heredoc(source) or _ARCHIVE.fullmatch(source)):
                message = f"ADD {shown(source)} copies local files"
                key = f"{stage.title}:{shown(source)}"
                yield RULE.finding(message, path=subject.path, line=step.line, key=key)
