"""IF171: several CMD or ENTRYPOINT."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF171",
    Severity.LOW,
    "Only the last CMD or ENTRYPOINT counts",
    why=(
        "Of several only the last is used. The others are read by people as if they ran: a "
        "wrapper that drops rights, or the server that was meant, and it does not."
    ),
    remedy="Keep the one that is meant.",
    example="""\
ENTRYPOINT ["/drop-rights"]
ENTRYPOINT ["/app"]
# better
ENTRYPOINT ["/drop-rights", "/app"]
""",
    references=("hadolint DL4003", "hadolint DL4004", "Trivy DS-0007", "Trivy DS-0016"),
)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find them within one stage; replacing those of another stage is the way it is done."""
    for stage in subject.file.stages:
        for name in ("CMD", "ENTRYPOINT"):
            steps = [step for step in stage.steps if step.name == name]
            for step in steps[1:]:
                message = f"this {name} of {stage.title} replaces one before it"
                key = f"{stage.title}:{name}"
                yield RULE.finding(message, path=subject.path, line=step.line, key=key)
