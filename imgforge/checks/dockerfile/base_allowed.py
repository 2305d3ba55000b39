"""IF122: bases off the policy's list."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from imgforge.checks.dockerfile.images import called
from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF122",
    Severity.HIGH,
    "The policy does not allow a base image",
    why=(
        "Everything in the base becomes part of the image: its packages, its accounts, its "
        "flaws. A list of bases that somebody watches over is worth only as much as it is "
        "kept, for build stages too, since they make what is shipped."
    ),
    remedy="Use a base from the policy's bases.allow, or have its owners add this one.",
    example="""\
FROM docker.io/someone/python:3.13
# better, with bases.allow = ["registry.example.org/base/*"]
FROM registry.example.org/base/python:3.13@sha256:<64 hexadecimal digits>
""",
    references=("CIS Docker Benchmark 4.2", "NIST SP 800-190 4.1.5", "hadolint DL3026"),
)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:
    """Judge every image that a stage begins with or copies from."""
    for image, place, line in subject.images():
        names = called(image)
        for allow in policy.bases.allow:
            if not any(fnmatchcase(name, glob) for name in names for glob in allow):
                message = f"{place} uses {image}, which bases.allow does not list"
                yield RULE.finding(message, path=subject.path, line=line, key=image)
