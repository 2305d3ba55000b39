"""What was judged, for a terminal: faults grouped by rule, worst first, with what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from imgforge.checks import profiles
from imgforge.checks.finding import Finding, Severity
from imgforge.report.subject import Fault, Report, Site

MOST: Final = 10
"""Faults of one rule that are shown one by one."""

_COLOURS: Final = {
    Severity.CRITICAL: "1;31",
    Severity.HIGH: "31",
    Severity.MEDIUM: "33",
    Severity.LOW: "36",
    Severity.INFO: "2",
}
_VERDICTS: Final = {
    profiles.PASS: ("pass", "32"),
    profiles.ACCEPTED: ("accepted", "33"),
    profiles.FAIL: ("FAIL", "1;31"),
    profiles.UNDECIDABLE: ("not decidable", "2"),
}


def render(*reports: Report, colour: bool = False) -> str:
    """Return plain ASCII lines; what an image put into names cannot reach the terminal raw."""
    return "\n".join(_report(report, colour=colour) for report in reports)


def plain(text: str) -> str:
    """Return ``text`` with everything but printable ASCII written as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isascii() and c.isprintable() else _escaped(c) for c in text)


def where(fault: Fault, report: Report) -> str:
    """Say which layers have the fault, and on which of the report's platforms if not on all."""
    everywhere = dict.fromkeys(image.platform for image in report.images)
    places: dict[str, dict[str, None]] = {}
    for site in fault.sites:
        places.setdefault(_layer(site, fault.finding), {})[site.platform] = None
    phrases = (
        place if on == everywhere else f"{place} on {', '.join(on)}".strip()
        for place, on in places.items()
    )
    return "; ".join(filter(None, phrases))


def told(fault: Fault, report: Report) -> str:
    """Return the finding's message with where it is, unless it says the layer itself."""
    message, place = fault.finding.message, where(fault, report)
    layers = (f"layer {site.layer} of {site.layers}" for site in fault.sites)
    if not place or any(re.search(rf"\b{layer}\b", message) for layer in layers):
        return message
    return f"{message} [{place}]"


def counts(faults: Sequence[Fault]) -> dict[str, int]:
    """Return how many faults nobody accepted there are by severity, and how many ``ignored``."""
    open_ones = [fault.finding.severity for fault in faults if not fault.finding.ignored]
    found = {str(severity): open_ones.count(severity) for severity in Severity}
    return {**found, "ignored": len(faults) - len(open_ones)}


def excuse(finding: Finding) -> str:
    """Say why a finding is ignored, at whose word and until when; empty if it is not."""
    said = [finding.ignored]
    said += [f"by {finding.ignored_by}"] if finding.ignored_by else []
    said += [f"until {finding.ignored_until}"] if finding.ignored_until else []
    said += [f"in {finding.vex}"] if finding.vex else []
    return ", ".join(said) if finding.ignored else ""


def _report(report: Report, *, colour: bool) -> str:
    faults = report.faults()
    lines = [_painted(_subject(report), "1", colour=colour), ""]
    open_ones = [fault for fault in faults if not fault.finding.ignored]
    # A rule stands where its worst finding does.
    groups = {
        check: list(group) for check, group in groupby(sorted(open_ones, key=_check), key=_check)
    }
    worst = sorted(groups, key=lambda check: -groups[check][0].finding.severity)
    for check in worst:
        lines += _group(groups[check], report, colour=colour)
    accepted = [fault for fault in faults if fault.finding.ignored]
    lines += _accepted(accepted, report, colour=colour)
    lines += _practices(report, colour=colour)
    lines.append(_summary(report, faults, colour=colour))
    known = next((check for check in worst if check.startswith("IF")), None)
    if known is not None:
        lines.append(f"hint: imgforge explain {known} says why it matters and how to mend it")
    return "\n".join([*lines, ""])


def _check(fault: Fault) -> str:
    return fault.finding.check


def _subject(report: Report) -> str:
    name = report.subject
    if report.digest and report.digest not in name:
        name = f"{name} {report.digest}"
    platforms = ", ".join(image.platform for image in report.images)
    return plain(f"{name} ({platforms})" if platforms else name)


def _group(faults: Sequence[Fault], report: Report, *, colour: bool) -> list[str]:
    first = faults[0].finding
    head = _painted(f"{first.severity!s:<8} {first.check}", _COLOURS[first.severity], colour=colour)
    lines = [f"{head}  {plain(first.title)}"]
    for fault in faults[:MOST]:
        differs = fault.finding.severity != first.severity
        grade = f"({fault.finding.severity}) " if differs else ""
        lines.append(f"    {grade}{_line(fault, report)}")
    if len(faults) > MOST:
        lines.append(f"    ... and {len(faults) - MOST} more; --format json lists all")
    remedies = dict.fromkeys(fault.finding.remedy for fault in faults)
    return [*lines, *(f"    hint: {plain(remedy)}" for remedy in remedies), ""]


def _line(fault: Fault, report: Report) -> str:
    finding = fault.finding
    if not fault.sites:
        place = f"{finding.path}:{finding.line}" if finding.line else finding.path
        return plain(f"{place}: {finding.message}" if place else finding.message)
    return plain(told(fault, report))


def _layer(site: Site, finding: Finding) -> str:
    if not site.layer:
        return ""
    place = f"layer {site.layer} of {site.layers}"
    if not finding.path:
        return place
    return f"in the final image, from {place}" if site.final else f"only in {place}"


def _accepted(faults: Sequence[Fault], report: Report, *, colour: bool) -> list[str]:
    if not faults:
        return []
    lines = [_painted("ignored by policy", "2", colour=colour)]
    for fault in faults[:MOST]:
        reason = plain(excuse(fault.finding))
        lines.append(f"    {fault.finding.check} {_line(fault, report)} ({reason})")
    if len(faults) > MOST:
        lines.append(f"    ... and {len(faults) - MOST} more; --format json lists all")
    return [*lines, ""]


def _practices(report: Report, *, colour: bool) -> list[str]:
    if report.profile is None:
        return []
    lines = [f"profile {report.profile.name}: {report.profile.title}"]
    width = max(len(outcome.practice.id) for outcome in report.outcomes)
    for outcome in report.outcomes:
        said, code = _VERDICTS[outcome.verdict]
        verdict = _painted(f"{said:<13}", code, colour=colour)
        practice = outcome.practice
        lines.append(f"    {verdict}  {practice.id:<{width}}  {practice.title}")
        ids = [finding.check for finding in outcome.findings]
        reasons = [f"{check} ({ids.count(check)})" for check in sorted(set(ids))]
        reasons += [f"{key} in the policy" for key in outcome.allowed]
        margin = " " * (4 + 13 + 2 + width + 2)
        reasons += [f"{rule} has no bound in the policy" for rule in outcome.silent]
        lines += [f"{margin}{', '.join(reasons)}"] if reasons else []
        lines += [f"{margin}{practice.beyond}"] if practice.beyond else []
    return [*lines, ""]


def _summary(report: Report, faults: Sequence[Fault], *, colour: bool) -> str:
    found = counts(faults)
    ignored = found.pop("ignored")
    said = ", ".join(f"{count} {name}" for name, count in reversed(found.items()) if count)
    said = (said or "no findings") + (f" ({ignored} ignored by policy)" if ignored else "")
    failed = sum(outcome.verdict == profiles.FAIL for outcome in report.outcomes)
    if failed:
        said += f", {failed} of {len(report.outcomes)} practices failed"
    verdict, code = ("passed", "32") if report.passed else ("failed", "1;31")
    verdict = _painted(verdict, code, colour=colour)
    also = f", vulnerabilities of {report.vulnerable_on}" if report.vulnerable_on else ""
    return f"{said}: {verdict} (findings of {report.fail_on}{also} or worse fail)"


def _painted(text: str, code: str, *, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour else text


def _escaped(char: str) -> str:
    # A byte of a name that is no UTF-8; JSON can bring every other lone surrogate.
    if "\udc80" <= char <= "\udcff":
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")
