"""IF172: commands in shell form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF172",
    Severity.LOW,
    "The image's command is run by a shell",
    why=(
        "The shell form makes /bin/sh process 1. It needs a shell in the image, passes no signals "
        "on, so that the application is killed instead of stopped, and reads variables of the "
        "environment as program text."
    ),
    remedy="Write the command as a JSON array.",
    example="""\
ENTRYPOINT /app --port $PORT
# better
ENTRYPOINT ["/app"]
""",
    references=("hadolint DL3025", "Docker manual, Dockerfile reference, shell and exec form"),
)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find CMD and ENTRYPOINT that are no JSON arrays."""
    for stage, step in subject.steps():
        if step.name in {"CMD", "ENTRYPOINT"} and step.args and not step.instruction.json:
            message = f"{step.name} of {stage.title} is in shell form"
            key = f"{stage.title}:{step.name}"
            yield RULE.finding(message, path=subject.path, line=step.line, key=key)
