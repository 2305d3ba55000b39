"""IF123: files of unpinned images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.images import looseness
from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF123",
    Severity.MEDIUM,
    "Files come from an image that is not pinned",
    why=(
        "COPY --from and RUN --mount=from take files out of another image, programs that "
        "are then run or shipped. By a tag they are whatever that tag means on the day of "
        "the build, just as with FROM, but fewer tools look here."
    ),
    remedy="Name the image by digest, or make it a stage of its own whose FROM has one.",
    example="""\
COPY --from=ghcr.io/astral-sh/uv:latest /uv /bin/
# better
COPY --from=ghcr.io/astral-sh/uv:0.9@sha256:<64 hexadecimal digits> /uv /bin/
""",
    references=("NIST SP 800-190 4.2.2", "hadolint DL3022"),
)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Judge the images that are named elsewhere than in FROM."""
    for image, place, line in subject.images(bases=False):
        found = looseness(image)
        if found is not None:
            message, severity = found
            yield RULE.finding(
                f"{place} uses {image}, which {message}",
                path=subject.path,
                line=line,
                key=image,
                severity=severity,
            )
