"""IF173: stage names that mislead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF173",
    Severity.MEDIUM,
    "A stage's name does not mean what it seems to",
    why=(
        "If two stages have one name, COPY --from takes files from the last of them and "
        "FROM begins with the nearest above: it is easily the wrong one that is reviewed. A "
        "stage with the name of an image takes its place wherever that image is meant."
    ),
    remedy="Give every stage a name of its own that is no image's.",
    example="""\
FROM debian:13 AS build
FROM alpine:3.22 AS build
# better
FROM debian:13 AS compile
FROM alpine:3.22 AS package
""",
    references=("hadolint DL3024", "Trivy DS-0012"),
)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find names that were given before."""
    seen: set[str] = set()
    for stage in subject.file.stages:
        if stage.name and stage.name in seen:
            message = f"there is a stage {stage.name} before this one"
            yield RULE.finding(message, path=subject.path, line=stage.line, key=stage.name)
        seen.add(stage.name)
