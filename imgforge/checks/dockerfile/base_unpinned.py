"""IF120: bases without a digest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.images import looseness
from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.dockerfile.stages import SCRATCH
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF120",
    Severity.MEDIUM,
    "A base image is not pinned by digest",
    why=(
        "A tag is a pointer that its owner, or whoever took over the account, can move at "
        "any time. The next build then begins with other bytes, unseen by any review, and "
        "nobody can tell afterwards which ones were in which image. A digest names the "
        "bytes themselves."
    ),
    remedy="Write the digest behind the tag: image:tag@sha256:..., and renew it deliberately.",
    example="""\
FROM python:latest
# better: the tag for people, the digest for the builder
FROM python:3.13-slim@sha256:<64 hexadecimal digits>
""",
    references=(
        "NIST SP 800-190 4.2.2",
        "hadolint DL3006",
        "hadolint DL3007",
        "Trivy DS-0001",
        "Dockle CIS-DI-0005",
    ),
)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Judge every FROM that names an image, whatever becomes of the stage."""
    for stage in subject.file.stages:
        found = None if stage.parent is not None else looseness(stage.base)
        if found is not None and stage.base != SCRATCH:
            message, severity = found
            yield RULE.finding(
                f"the base {stage.base} of {stage.title} {message}",
                path=subject.path,
                line=stage.line,
                key=stage.title,
                severity=severity,
            )
