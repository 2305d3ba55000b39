"""What was judged as workflow commands of GitHub Actions: annotations on a run.

Format: docs.github.com, "Workflow commands"; escapes as in ``command.ts`` of actions/toolkit.
"""

from __future__ import annotations

from typing import Final

from imgforge.checks import profiles
from imgforge.checks.finding import Finding, Severity
from imgforge.report.subject import Fault, Report
from imgforge.report.text import plain, told

MOST: Final = 10
"""Annotations of one level that GitHub shows of one step; the rest would vanish unseen."""

_COMMANDS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "notice",
    Severity.INFO: "notice",
}


def render(*reports: Report) -> str:
    """Return one command a line, the worst first; what the policy excuses is left out.

    Failed practices of a profile are one error, since they fail the step as well. Where a level
    has more than :data:`MOST`, its last annotation says how many are not shown.
    """
    lines = [_practices(report) for report in reports]
    faults = [
        (report, fault)
        for report in reports
        for fault in report.faults()
        if not fault.finding.ignored
    ]
    faults.sort(key=lambda pair: -pair[1].finding.severity)
    for command in dict.fromkeys(_COMMANDS.values()):
        level = [(r, f) for r, f in faults if _command(r, f) == command]
        room = MOST - (sum(map(bool, lines)) if command == "error" else 0)
        shown = level if len(level) <= room else level[: max(room - 1, 0)]
        lines += [_line(report, fault) for report, fault in shown]
        if len(level) > len(shown):
            ids = ", ".join(sorted({fault.finding.check for _, fault in level[len(shown) :]}))
            left = f"{len(level) - len(shown)} more of this level ({ids}) are not shown here"
            lines.append(f"::{command} title=imgforge::{_data(left)}\n")
    return "".join(lines)


def _practices(report: Report) -> str:
    failed = [o.practice for o in report.outcomes if o.verdict == profiles.FAIL]
    if report.profile is None or not failed:
        return ""
    title = _property(f"imgforge profile {report.profile.name}")
    said = "; ".join(f"{practice.id} {practice.title}" for practice in failed)
    return f"::error title={title}::{_data(f'{report.subject} fails {said}')}\n"


def _command(report: Report, fault: Fault) -> str:
    """Return the level of an annotation: what fails the gate is an error, however mild."""
    severity = fault.finding.severity
    fails = severity >= report.limit(fault.finding.check)
    return "error" if fails else _COMMANDS[severity]


def _line(report: Report, fault: Fault) -> str:
    finding = fault.finding
    title = _property(f"{finding.check} {finding.title} ({finding.severity})")
    text = f"{told(fault, report)}. {finding.remedy}"
    if fault.sites:
        text = f"{report.subject}: {text}"
    at = "" if fault.sites else _place(finding)
    return f"::{_command(report, fault)} {at}title={title}::{_data(text)}\n"


def _place(finding: Finding) -> str:
    # Only a Dockerfile lies in the repository, where an annotation can point at it.
    if not finding.path:
        return ""
    line = f",line={finding.line}" if finding.line else ""
    return f"file={_property(finding.path)}{line},"


def _data(text: str) -> str:
    return plain(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
