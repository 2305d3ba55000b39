from __future__ import annotations

import json
from typing import Any

import pytest
from condition import DAY, against

from imgforge.checks.finding import Finding, Severity
from imgforge.evidence import findings_json
from imgforge.signing.statement import FINDINGS


def finding(severity: Severity, **fields: Any) -> Finding:  # noqa: ANN401 - any field
    return Finding("IF201", severity, "title", "message", "remedy", **fields)


def predicate(*findings: Finding) -> dict[str, Any]:
    return dict(json.loads(findings_json(findings, DAY)))


def test_what_imgforge_writes_holds() -> None:
    value = predicate(finding(Severity.MEDIUM))
    assert value["day"] == "2026-11-28"
    assert against(value, FINDINGS, below="high", max_age=0) == []
    assert against(predicate(), FINDINGS, below="info") == []


def test_the_same_day_has_the_same_bytes() -> None:
    assert findings_json([], DAY) == findings_json([], DAY)


def test_the_worst_are_named() -> None:
    found = [
        finding(Severity.HIGH, path="usr/bin/\x1b[0m"),
        *[finding(Severity.CRITICAL, path=f"{n}") for n in range(7)],
    ]
    (reason,) = against(predicate(*found), FINDINGS, below="high")
    assert reason.startswith("8 found at high or above: 'IF201 in 0' (critical)")
    assert reason.endswith("and 3 more")
    assert against(predicate(found[0]), FINDINGS, below="critical") == []
    (reason,) = against(predicate(found[0]), FINDINGS, below="high")
    assert reason.endswith("'IF201 in usr/bin/\\x1b[0m' (high)")


@pytest.mark.parametrize(
    ("until", "counts"),
    [
        ("2026-11-28", False),
        ("2027-01-01", False),
        ("2026-11-27", True),
        ("", True),
        ("soon", True),
        ("9999-99-99", True),
        ("2027-1-1", True),
    ],
)
def test_what_was_accepted_counts_again_when_that_ends(until: str, *, counts: bool) -> None:
    accepted = finding(Severity.HIGH, ignored="for a reason", ignored_until=until)
    assert bool(against(predicate(accepted), FINDINGS, below="high")) is counts


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        ("2026-11-28", ""),
        ("2026-11-29", ""),
        ("2026-10-29", ""),
        ("2026-10-28", "31 days old, over 30"),
        ("2026-11-30", "still to come"),
        ("9999-12-31", "still to come"),
        ("0001-01-01", "days old"),
        ("2026-11-31", "no date"),
        ("20261128", "no date"),
        ("2026-11-28T00:00:00Z", "no date"),
        (None, "no text"),
        (20261128, "no text"),
    ],
)
def test_a_scan_must_not_be_old_nor_of_the_future(day: object, reason: str) -> None:
    value = {**predicate(), "day": day}
    found = against(value, FINDINGS, max_age=30)
    assert len(found) == bool(reason)
    assert reason in "".join(found)
    assert bool(against(value, FINDINGS, below="high")) is (reason == "still to come")


@pytest.mark.parametrize(
    "change",
    [
        {"findings": None},
        {"findings": {}},
        {"findings": [{"severity": "harmless"}]},
        {"findings": [{"severity": ["low"]}]},
        {"findings": [{"check": "IF201"}]},
        {"findings": ["low"]},
        {"scanner": "another 1.0"},
        {"scanner": None},
    ],
)
def test_what_is_no_list_of_findings_is_a_reason(change: dict[str, object]) -> None:
    assert against({**predicate(), **change}, FINDINGS, below="critical")


def test_other_predicates_have_no_findings() -> None:
    assert against(predicate(), "https://example.com/x", below="high")
    assert against(predicate(), "https://example.com/x", max_age=1)
