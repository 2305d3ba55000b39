"""IF134: verification turned off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.downloads import unverified, unverified_settings
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF134",
    Severity.HIGH,
    "The verification of servers or packages is turned off",
    why=(
        "Package managers and TLS prove where bytes come from. With that turned off, "
        "anybody on the way (a proxy, a mirror, a wireless network) can give the build "
        "whatever they like, and it runs as root. A variable or setting that does so stays "
        "in the image and works on every later download too."
    ),
    remedy=(
        "Remove it; if the server's certificate is your own, add its authority to the trust store."
    ),
    example="""\
RUN curl -k https://example.org/tool -o /usr/bin/tool
# better
COPY example-ca.crt /usr/local/share/ca-certificates/
RUN update-ca-certificates && curl -o /usr/bin/tool https://example.org/tool
""",
    references=("CIS Docker Benchmark 4.11", "CWE-295", "CWE-347"),
)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Judge commands, and the variables of ENV and ARG."""
    for run in subject.runs:
        for command in run.commands():
            for what in unverified(command):
                key = f"{run.stage.title}:{what}"
                message = f"{run.step.name} in {run.stage.title}: {what}"
                yield RULE.finding(message, path=subject.path, line=run.line(command), key=key)
    for stage, step in subject.steps():
        if step.name in {"ENV", "ARG"}:
            settings = {name: value or "" for name, value in step.pairs}
            for what in unverified_settings(settings):
                message = f"{step.name} in {stage.title}: {what}"
                key = f"{stage.title}:{what}"
                yield RULE.finding(message, path=subject.path, line=step.line, key=key)
