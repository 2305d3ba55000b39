"""IF124: frontends by tag."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.images import called, looseness
from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF124",
    Severity.MEDIUM,
    "The syntax directive names a frontend that is not pinned",
    why=(
        "The image behind # syntax= is the program that reads the Dockerfile and decides "
        "what is built. It is fetched before anything else and can do all that the build "
        "can. By a tag, its owner can change the meaning of every file that names it."
    ),
    remedy="Leave the directive out, or pin the frontend by digest.",
    example="""\
# syntax=docker/dockerfile:1
# better
# syntax=docker/dockerfile:1.20@sha256:<64 hexadecimal digits>
""",
    references=("NIST SP 800-190 4.2.2", "https://docs.docker.com/build/buildkit/frontend/"),
)

_DOCKERS: Final = ("docker.io/docker/dockerfile", "docker.io/docker/dockerfile-upstream")


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Judge the directive; Docker's own frontend by a tag is worth a remark only."""
    directives = subject.file.directives
    found = looseness(directives.syntax) if directives.syntax else None
    if found is not None:
        own = called(directives.syntax)[-1] in _DOCKERS
        yield RULE.finding(
            f"the frontend {directives.syntax} {found[0]}",
            path=subject.path,
            line=directives.syntax_line,
            severity=Severity.INFO if own else Severity.MEDIUM,
        )
