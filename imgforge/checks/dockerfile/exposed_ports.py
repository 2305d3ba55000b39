"""IF162: impossible ports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.ports import valid
from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF162",
    Severity.LOW,
    "A port of EXPOSE cannot be",
    why=(
        "What EXPOSE says is what operators, network policies and tools open. A port that "
        "cannot be is a slip, and the one that was meant stays undeclared."
    ),
    remedy="Give ports from 1 to 65535, with /tcp, /udp or /sctp.",
    example="""\
EXPOSE 80808
# better
EXPOSE 8080/tcp
""",
    references=("hadolint DL3011", "Trivy DS-0008", "CIS Docker Benchmark 5.9"),
)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Judge every port that holds no unknown variable."""
    for stage, step in subject.steps():
        if step.name != "EXPOSE":
            continue
        for port in step.args:
            if "$" not in port and not valid(port):
                message = f"EXPOSE {port} is no port"
                key = f"{stage.title}:{port}"
                yield RULE.finding(message, path=subject.path, line=step.line, key=key)
