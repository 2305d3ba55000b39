"""IF101: the image runs as root."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.identity import may_be_root, number
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF101",
    Severity.HIGH,
    "The image runs as root",
    why=(
        "Without a USER of its own an image runs as root. Whoever takes over that process "
        "owns every file in the container, may use every capability that the runtime left, "
        "and is root on the host too after a breakout without user namespaces. A base image "
        "may set a user, but a Dockerfile that relies on that changes its meaning with the "
        "base."
    ),
    remedy="End the last stage with a numeric user other than 0, such as USER 65532:65532.",
    example="""\
FROM debian:13
CMD ["/app"]
# better
FROM debian:13
USER 65532:65532
CMD ["/app"]
""",
    references=(
        "CIS Docker Benchmark 4.1",
        "NIST SP 800-190 4.1.2",
        "hadolint DL3002",
        "Trivy DS-0002",
        "Dockle CIS-DI-0001",
    ),
)

_UNPRIVILEGED: Final = re.compile(r"(?<![a-z])(?:nonroot|unprivileged)(?![a-z])")
"""In names of images that are made to run as a user, such as distroless' and nginx's."""


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:
    """Follow USER through the stages that the last one is made from."""
    if policy.allow_root or subject.only_carries():
        return
    last = None
    for stage in subject.file.shipped():
        for step in stage.steps:
            if step.name == "USER":
                last = step
    final = subject.final
    if last is None:
        message = "no USER is set, so it is whoever the base says, and root if that says nothing"
        severity = Severity.HIGH
        if _UNPRIVILEGED.search(subject.file.shipped()[0].base):
            message = "no USER is set, and only the base's name says that it is not root"
            severity = Severity.MEDIUM
        yield RULE.finding(
            message, path=subject.path, line=final.line, key=final.title, severity=severity
        )
        return
    user = last.args[0].partition(":")[0].strip()
    if user in {"", "root"} or may_be_root(number(user)):
        out = number(user or "0") and " to some runtimes: the number is out of range"
        message = f"USER {last.args[0]} is root{out or ''}"
        yield RULE.finding(message, path=subject.path, line=last.line, key=final.title)
    elif "$" in user:
        message = f"USER {last.args[0]} has no value that is known, and may be root"
        yield RULE.finding(message, path=subject.path, line=last.line, key=final.title)
