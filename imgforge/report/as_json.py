"""Findings as JSON for programs: an object with the findings and how many there are."""

from __future__ import annotations

import json
from collections.abc import Sequence

from imgforge.checks.finding import Finding, Severity


def render(findings: Sequence[Finding]) -> str:
    """Return one JSON object; names that are no UTF-8 keep their bytes as surrogate escapes."""
    open_ones = [finding.severity for finding in findings if not finding.ignored]
    value = {
        "version": 1,
        "summary": {
            **{str(severity): open_ones.count(severity) for severity in Severity},
            "ignored": len(findings) - len(open_ones),
        },
        "findings": [finding.to_json() for finding in findings],
    }
    return json.dumps(value, indent=2) + "\n"
