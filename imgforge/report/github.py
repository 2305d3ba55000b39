"""Findings as workflow commands of GitHub Actions: annotations on a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.report.text import plain

_COMMANDS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "notice",
    Severity.INFO: "notice",
}


def render(findings: Sequence[Finding]) -> str:
    """Return one command a line; findings that the policy excuses are left out."""
    return "".join(_line(finding) for finding in findings if not finding.ignored)


def _line(finding: Finding) -> str:
    title = _property(f"{finding.check} {finding.title} ({finding.severity})")
    message = _data(f"{finding.message}. {finding.remedy}")
    return f"::{_COMMANDS[finding.severity]} title={title}::{message}\n"


def _data(text: str) -> str:
    return plain(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
