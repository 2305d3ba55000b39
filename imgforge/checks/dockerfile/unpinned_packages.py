"""IF140: packages without versions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.installs import SIGNED, use
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF140",
    Severity.MEDIUM,
    "Packages are installed without versions",
    why=(
        "Which version is installed is decided by the day of the build and by whoever "
        "published last. A release that was taken over reaches the image at once, two "
        "builds of the same commit differ, and nobody can say later what was tested."
    ),
    remedy=(
        "Pin versions, better with hashes: a lock file, or NAME=VERSION from a snapshot of "
        "the archive."
    ),
    example="""\
RUN pip install flask
# better, requirements.txt with hashes for everything
RUN pip install --require-hashes -r requirements.txt
""",
    references=(
        "CIS Docker Benchmark 4.7",
        "NIST SP 800-190 4.1.1",
        "hadolint DL3008",
        "hadolint DL3013",
        "hadolint DL3016",
        "hadolint DL3018",
        "hadolint DL3028",
        "hadolint DL3033",
        "hadolint DL3037",
        "hadolint DL3041",
        "hadolint DL3062",
    ),
)

_SHOWN: Final = 4
"""Packages that a message names."""


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find them in every stage: what a build stage installs makes what is shipped."""
    for run in subject.runs:
        for command in run.commands() if run.built else ():
            found = use(command)
            packages = found.unpinned() if found is not None else ()
            if found is None or not packages:
                continue
            names = ", ".join(packages[:_SHOWN]) + (" ..." if len(packages) > _SHOWN else "")
            manager = found.manager.name
            yield RULE.finding(
                f"RUN in {run.stage.title} installs with {manager} whichever version of {names}",
                path=subject.path,
                line=run.line(command),
                key=f"{run.stage.title}:{manager}:{' '.join(sorted(packages))}",
                # Signed archives of a release move less than registries that anybody publishes to.
                severity=Severity.LOW if manager in SIGNED else Severity.MEDIUM,
            )
