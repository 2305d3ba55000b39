"""IF121: bases given by arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF121",
    Severity.MEDIUM,
    "A base image is chosen by a build argument",
    why=(
        "Whoever calls the build decides what it begins with: --build-arg puts any image of "
        "any registry under the same Dockerfile, past review and past lists of allowed "
        "bases. What was judged here is only the default."
    ),
    remedy=(
        "Write the base into FROM; if it must vary, let the argument choose between stages "
        "that are written."
    ),
    example="""\
ARG BASE=debian:13
FROM ${BASE}
# better
FROM debian:13@sha256:<64 hexadecimal digits>
""",
    references=("NIST SP 800-190 4.1.5", "SLSA v1.0, external parameters"),
)

_VARIABLE: Final = re.compile(r"[$][{]?([A-Za-z_][A-Za-z0-9_]*)")
_GIVEN: Final = re.compile("(?:TARGET|BUILD)(?:PLATFORM|OS|OSVERSION|ARCH|VARIANT)")


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find FROM with a variable for the repository, and with one for its tag as a lesser fault."""
    for stage in subject.file.stages:
        names = {name for name in _VARIABLE.findall(stage.written) if not _GIVEN.fullmatch(name)}
        if not names or stage.parent is not None:
            continue
        repository = stage.written.partition("@")[0]
        slash = repository.rfind("/") + 1
        tagged = ":" in repository[slash:] and "$" not in repository[: repository.rfind(":")]
        what = "tag" if tagged else "image"
        said = ", ".join(sorted(names))
        yield RULE.finding(
            f"the {what} of {stage.title} is whatever {said} says",
            path=subject.path,
            line=stage.line,
            key=stage.title,
            severity=Severity.INFO if tagged else Severity.MEDIUM,
        )
