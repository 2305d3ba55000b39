"""Findings for a terminal: grouped by check, worst first, with what to do about them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from imgforge.checks.finding import Finding, Severity

MOST: Final = 10
"""Findings of one check that are shown one by one."""

_COLOURS: Final = {
    Severity.CRITICAL: "1;31",
    Severity.HIGH: "31",
    Severity.MEDIUM: "33",
    Severity.LOW: "36",
    Severity.INFO: "2",
}


def render(findings: Sequence[Finding], *, colour: bool = False) -> str:
    """Return plain ASCII lines; what an image put into names cannot reach the terminal raw."""
    open_ones = [finding for finding in findings if not finding.ignored]
    lines: list[str] = []
    ordered = sorted(open_ones, key=lambda f: (-f.severity, f.check, f.path, f.message))
    for (severity, check), group in groupby(ordered, key=lambda f: (f.severity, f.check)):
        members = list(group)
        head = f"{severity!s:<8} {check}"
        if colour:
            head = f"\x1b[{_COLOURS[severity]}m{head}\x1b[0m"
        lines.append(f"{head}  {plain(members[0].title)}")
        lines += [f"    {plain(finding.message)}" for finding in members[:MOST]]
        if len(members) > MOST:
            lines.append(f"    ... and {len(members) - MOST} more")
        lines += [f"    hint: {plain(members[0].remedy)}", ""]
    return "\n".join([*lines, _summary(findings), ""])


def plain(text: str) -> str:
    """Return ``text`` with everything but printable ASCII written as escapes."""
    if text.isascii() and text.isprintable():
        return text
    raw = text.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return "".join(c if c.isascii() and c.isprintable() else _escaped(c) for c in raw)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _summary(findings: Sequence[Finding]) -> str:
    counts = {
        severity: sum(1 for f in findings if f.severity == severity and not f.ignored)
        for severity in sorted(Severity, reverse=True)
    }
    said = ", ".join(f"{count} {severity}" for severity, count in counts.items() if count)
    ignored = sum(1 for finding in findings if finding.ignored)
    return (said or "no findings") + (f" ({ignored} ignored by policy)" if ignored else "")
