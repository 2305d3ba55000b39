"""Findings as SARIF 2.1.0 (OASIS), for code scanning services."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from imgforge import __version__
from imgforge.checks import RULES, Rule
from imgforge.checks.finding import Finding, Severity
from imgforge.report.text import plain

_LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
_SCORES: Final = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.0",
    Severity.INFO: "0.0",
}
"""``security-severity``: the numbers by which GitHub sorts alerts into its four classes."""


def render(findings: Sequence[Finding]) -> str:
    """Return one run with every check as a rule and every finding as a result."""
    places = {rule.id: index for index, rule in enumerate(RULES)}
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "imgforge",
                        "semanticVersion": __version__,
                        "rules": [_rule(rule) for rule in RULES],
                    }
                },
                "originalUriBaseIds": {"IMAGE": {"uri": "file:///"}},
                "columnKind": "utf16CodeUnits",
                "results": [_result(finding, places) for finding in findings],
            }
        ],
    }
    return json.dumps(log, indent=2) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    references = "".join(f"\n- {reference}" for reference in rule.references)
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "help": {"text": f"{rule.remedy}\n\nSee:{references}"},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"security-severity": _SCORES[rule.severity], "tags": ["security"]},
    }


def _result(finding: Finding, places: dict[str, int]) -> dict[str, Any]:
    out: dict[str, Any] = {
        "ruleId": finding.check,
        "level": _LEVELS[finding.severity],
        "message": {"text": plain(f"{finding.message}. {finding.remedy}")},
        "locations": [{"physicalLocation": {"artifactLocation": _location(finding.path)}}],
        "partialFingerprints": {"imgforge/v1": finding.fingerprint},
        "properties": {"severity": str(finding.severity)},
    }
    if finding.check in places:
        out["ruleIndex"] = places[finding.check]
    if finding.layer:
        out["properties"]["layer"] = finding.layer
    if finding.ignored:
        note = {"kind": "external", "status": "accepted", "justification": finding.ignored}
        out["suppressions"] = [note]
    return out


def _location(path: str) -> dict[str, str]:
    # A finding about the configuration has no file; services want a location all the same.
    raw = (path or "image-configuration").encode(errors="surrogateescape")
    return {"uri": quote(raw), "uriBaseId": "IMAGE"}
