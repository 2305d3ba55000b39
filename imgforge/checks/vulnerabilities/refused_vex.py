"""IF207: VEX statements that do not count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy
from imgforge.vulnerabilities.scanned import Scanned

RULE: Final = Rule(
    "IF207",
    Severity.LOW,
    "A VEX statement does not count",
    why="Somebody says that a vulnerability does no harm here, and the statement lacks what makes "
    "it one: a status, a product, a time, or a justification of not_affected. It is not believed, "
    "and whoever wrote it thinks that it is.",
    remedy="Have its author mend it: OpenVEX 0.2, CycloneDX or CSAF say what it needs.",
    example="""\
{"vulnerability": {"name": "CVE-2030-0001"}, "status": "not_affected",
 "products": [{"@id": "pkg:pypi/requests"}]}

# Cure: say why.
{..., "justification": "vulnerable_code_not_in_execute_path"}""",
    references=("OpenVEX 0.2.0", "CISA VEX Status Justifications"),
)


def check(scanned: Scanned, policy: Policy) -> Iterator[Finding]:
    """Yield each statement of a trusted document that is not as it must be."""
    for applied in scanned.documents:
        document = applied.document
        for reason in document.refused:
            yield RULE.finding(f"{document.place}: {reason}", key=f"{document.place} {reason}")
        for number in applied.late:
            message = f"{document.place}: statement {number}: it is dated after {policy.day}"
            yield RULE.finding(message, key=f"{document.place} {number}")
