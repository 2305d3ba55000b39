"""IF161: dangerous and relative work folders."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF161",
    Severity.HIGH,
    "The work folder is dangerous or depends on the base",
    why=(
        "Under /proc/self/fd a work folder can be a file descriptor that leaks from the "
        "runtime, which gives the host's file system (CVE-2024-21626). Work folders of the "
        "system mix the application with it. A relative one depends on what the base has "
        "set, so that a new base moves the application."
    ),
    remedy="Give an absolute path of the application's own, such as WORKDIR /app.",
    example="""\
WORKDIR /proc/self/fd/8
# better
WORKDIR /app
""",
    references=("hadolint DL3000", "Trivy DS-0009", "Trivy DS-0030", "CVE-2024-21626"),
)

_SYSTEM: Final = re.compile(r"/(?:proc|sys|dev|boot)(?:/.*)?")
_PLACES: Final = re.compile(
    r"/(?:bin|etc|lib(?:32|64)?|run|sbin|usr|usr/(?:s?bin|lib)|var|var/run)"
)
_FINE: Final = re.compile(r"/|[$].*|[A-Za-z]:[/\\\\].*", re.DOTALL)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Judge every WORKDIR; a relative one is fine once an absolute one came before it."""
    settled: dict[int, bool] = {}
    for stage in subject.file.stages:
        absolute = settled.get(stage.parent, False) if stage.parent is not None else False
        for step in stage.steps:
            if step.name != "WORKDIR":
                continue
            path = step.args[0].strip("\"'")
            relative = not path.startswith("/") and not _FINE.match(path)
            plain = posixpath.normpath(path)
            found = None
            if _SYSTEM.fullmatch(plain):
                found = f"WORKDIR {path} is the kernel's or the boot loader's", Severity.HIGH
            elif _PLACES.fullmatch(plain):
                found = f"WORKDIR {path} is a folder of the system", Severity.MEDIUM
            elif relative and not absolute:
                found = f"WORKDIR {path} is relative to whatever the base has set", Severity.LOW
            absolute = absolute or not relative
            if found is not None:
                yield RULE.finding(
                    found[0],
                    path=subject.path,
                    line=step.line,
                    key=f"{stage.title}:{path}",
                    severity=found[1],
                )
        settled[stage.index] = absolute
