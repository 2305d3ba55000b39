"""IF131: ADD of a repository."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.sources import is_repository, shown
from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF131",
    Severity.MEDIUM,
    "A repository is added without its commit",
    why=(
        "A branch or tag of a repository can be moved to any other commit. What is built is "
        "then chosen by whoever may push there, and the same Dockerfile gives another image "
        "tomorrow."
    ),
    remedy="Name the commit behind #, as 40 hexadecimal digits, or give ADD --checksum=<commit>.",
    example="""\
ADD https://github.com/owner/project.git#main /src
# better
ADD https://github.com/owner/project.git#<40 hexadecimal digits> /src
""",
    references=("CIS Docker Benchmark 4.9", "hadolint DL3020", "CWE-494"),
)

_COMMIT: Final = re.compile(
    r"#(?:[0-9a-f]{40}|[0-9a-f]{64})(?::|$)|[?&](?:checksum|commit)=[0-9a-f]{40}"
)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find ADD of git repositories whose fragment is no commit."""
    for stage, step in subject.steps():
        if step.name != "ADD" or step.instruction.flag("checksum"):
            continue
        for source in step.args[:-1]:
            if is_repository(source) and not _COMMIT.search(source):
                message = f"ADD {shown(source)} names no commit"
                key = f"{stage.title}:{shown(source)}"
                yield RULE.finding(message, path=subject.path, line=step.line, key=key)
