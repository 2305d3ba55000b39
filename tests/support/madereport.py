"""Reports made by hand, for tests of how they are written down."""

from __future__ import annotations

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rules import RULES
from imgforge.report.subject import Image, Report

BASE, APP, ARM = ("sha256:" + letter * 64 for letter in "abc")
KEY = Finding("IF020", Severity.CRITICAL, "Title one", "key in /a: b, 100%", "Fix it.", "a", BASE)
NASTY = Finding("IF010", Severity.HIGH, "Title two", "one\nline\x1b[31m", "Do.", "b c/ü\udcff", APP)
EXCUSED = Finding(
    "IF003",
    Severity.LOW,
    "Title three",
    "m",
    "Do.",
    ignored="accepted",
    ignored_by="Ann",
    ignored_until="2030-01-31",
)
MANY = [
    Finding("IF012", Severity.MEDIUM, "Many", f"no {n:02}", "Do.", f"p{n:02}", APP)
    for n in range(12)
]
FINDINGS = (KEY, NASTY, EXCUSED, *MANY)


def image(*findings: Finding, platform: str = "linux/amd64", top: str = APP) -> Image:
    """Return an image of two layers; of its findings, credentials are hidden."""
    hidden = frozenset(finding for finding in findings if finding.check == "IF020")
    return Image(platform, top, (BASE, top), findings, hidden)


def report(*findings: Finding) -> Report:
    """Return the report on an image of one platform."""
    return Report("acme/web:1.0", APP, (image(*findings),), passed=not findings)


def dockerfile(*findings: Finding) -> Report:
    """Return the report on a Dockerfile."""
    return Report("app/Dockerfile", dockerfile=findings, passed=False)


def every_rule() -> tuple[Finding, ...]:
    """Return a finding of every rule there is."""
    return tuple(
        rule.finding(f"something of {rule.id}", path=f"srv/{rule.id}", layer=APP) for rule in RULES
    )
