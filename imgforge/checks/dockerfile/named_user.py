"""IF102: the user is a name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF102",
    Severity.LOW,
    "The user is given by name",
    why=(
        "A name means whatever /etc/passwd of the image says, and that file belongs to the "
        "image: a later layer or another base can make it uid 0. Kubernetes refuses such "
        "images under runAsNonRoot, since it cannot tell that a name is not root."
    ),
    remedy="Give user and group as numbers, such as USER 65532:65532.",
    example="""\
USER app
# better
USER 65532:65532
""",
    references=("hadolint DL3066", "Kubernetes Pod Security Standards, runAsNonRoot"),
)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Look at the USER that the image ends with."""
    last = None
    for last in subject.shipped("USER"):  # noqa: B007 - the last one counts
        pass
    if last is None:
        return
    user = last.args[0].partition(":")[0].strip()
    if user not in {"", "root"} and "$" not in user and not re.fullmatch(r"[+-]?[0-9]+", user):
        message = f"USER {last.args[0]} is a name"
        yield RULE.finding(message, path=subject.path, line=last.line, key=subject.final.title)
