"""What findings about vulnerabilities have in common: how one is told, and where it is."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from imgforge.checks.finding import Finding, Severity
from imgforge.vulnerabilities import cure

if TYPE_CHECKING:
    from imgforge.checks.rule import Rule
    from imgforge.vulnerabilities.judging import Verdict


def finding(rule: Rule, verdict: Verdict) -> Finding:
    """Return the finding of ``rule`` that ``verdict`` is; what is excused says why."""
    one = verdict.vulnerability
    package = one.component.package
    found = rule.finding(
        _message(verdict),
        path=package.paths[0] if package.paths else "",
        layer=package.layer,
        key=f"{one.id} {package.purl}",
        severity=Severity.parse(verdict.level),
    )
    remedy = cure.remedy(one)
    if verdict.excuse is None:
        return dataclasses.replace(found, remedy=remedy)
    reason, by, until, vex = verdict.excuse
    return dataclasses.replace(
        found, remedy=remedy, ignored=reason, ignored_by=by, ignored_until=until, vex=vex
    )


def _message(verdict: Verdict) -> str:
    one = verdict.vulnerability
    package = one.component.package
    part = {"base": " of the base", "app": " of the application", "build": " of the builder"}
    rated = f"{one.level}, CVSS {one.score:.1f}" if one.score else one.level
    rated = rated if one.rated else "nobody rated it"
    words = [
        f"{one.id} ({rated}): {package.title} {package.version}{part.get(one.component.part, '')}"
    ]
    words += [f"raised to {verdict.level}: {verdict.raised}"] if verdict.raised else []
    if one.statement is not None and not one.statement.excuses:
        words.append(f"VEX {one.statement.status} ({one.statement})")
    words.append(cure.action(one))
    return "; ".join(words)
