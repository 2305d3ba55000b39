"""IF110: credentials in ENV and ARG."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.dockerfile import Step
from imgforge.policy.bounds import Policy
from imgforge.secrets import placeholder, secret_name, secret_value

RULE: Final = Rule(
    "IF110",
    Severity.CRITICAL,
    "A variable of the Dockerfile holds a credential",
    why=(
        "The value of an ENV stands in the image's configuration, that of an ARG in its "
        "history and in provenance, and both in the Dockerfile itself: everybody who can "
        "pull the image can read them, and deleting them in a later layer removes nothing. "
        "An ARG without a default that is meant for a secret invites the same fault at "
        "build time."
    ),
    remedy=(
        "Revoke it; pass secrets to a build step with RUN --mount=type=secret, to a "
        "container at its start."
    ),
    example="""\
ARG NPM_TOKEN
RUN npm ci
# better
RUN --mount=type=secret,id=npm,env=NPM_TOKEN npm ci
""",
    references=(
        "CIS Docker Benchmark 4.10",
        "NIST SP 800-190 4.1.4",
        "hadolint DL3064",
        "Trivy DS-0031",
        "Dockle CIS-DI-0010",
        "CWE-526",
    ),
)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Judge names and values, of the arguments before the first stage too."""
    for step in subject.file.arguments:
        yield from _judge(subject, step, "")
    for stage, step in subject.steps():
        if step.name in {"ENV", "ARG", "LABEL"}:
            yield from _judge(subject, step, f"{stage.title}:")


def _judge(subject: Subject, step: Step, place: str) -> Iterator[Finding]:
    for name, value in step.pairs:
        kind = secret_value(f"{name}={value or ''}")
        message = ""
        severity = Severity.CRITICAL
        if kind is not None:
            message = f"{step.name} {name} holds a {kind}"
        elif step.name == "LABEL" or not secret_name(name):
            continue
        elif value is None:
            message = f"ARG {name} asks for a secret, which would stay in the image's history"
            severity = Severity.HIGH
        elif not placeholder(value):
            message = f"{step.name} {name} is named for a secret and has a value"
        if message:
            yield RULE.finding(
                message,
                path=subject.path,
                line=step.line,
                key=f"{place}{name}",
                severity=severity,
            )
