"""Reports of Trivy 0.76, grype and SARIF's writers, cut to what decides."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import madereport
import pytest
from condition import against

from imgforge.report import sarif as own_sarif
from imgforge.signing.statement import FINDINGS, VULNERABILITIES, VULNS

LEVELS = ("info", "low", "medium", "high", "critical")


def trivy(*vulnerabilities: dict[str, Any], **other: object) -> dict[str, Any]:
    packages = {"Target": "app (debian 13.1)", "Class": "os-pkgs", "Type": "debian"}
    listed = {"Vulnerabilities": list(vulnerabilities)} if vulnerabilities else {}
    return {
        "SchemaVersion": 2,
        "ArtifactName": "app",
        "Results": [{**packages, **listed, **other}, {"Target": "Python", "Class": "lang-pkgs"}],
    }


def grype(*severities: object, **vulnerability: object) -> dict[str, Any]:
    matches = [
        {
            "vulnerability": {"id": "CVE-2026-1", "severity": severity, **vulnerability},
            "artifact": {"name": "openssl", "version": "3"},
        }
        for severity in severities
    ]
    return {"matches": matches, "descriptor": {"name": "grype", "version": "0.95"}}


def sarif(*results: dict[str, Any], score: str | None = None, **run: object) -> dict[str, Any]:
    rule: dict[str, Any] = {"id": "CVE-2026-1", "defaultConfiguration": {"level": "note"}}
    if score is not None:
        rule["properties"] = {"security-severity": score}
    driver = {"name": "Trivy", "rules": [rule]}
    return {
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": list(results), **run}],
    }


def cosign(result: object, finished: object = "2026-11-27T09:10:11.123456789Z") -> dict[str, Any]:
    return {
        "invocation": {"parameters": None, "uri": "", "event_id": "", "builder.id": ""},
        "scanner": {"uri": "pkg:github/x", "version": "1", "db": {}, "result": result},
        "metadata": {"scanStartedOn": "2026-11-27T09:10:10Z", "scanFinishedOn": finished},
    }


def level(result: object, kind: str = VULNERABILITIES) -> str:
    """Return the worst level that is found, or an empty text for none; the way round by reasons."""
    predicate = cosign(result)
    assert against(predicate, kind, max_age=2) == []
    refused = [name for name in LEVELS if against(predicate, kind, below=name)]
    assert refused == list(LEVELS[: len(refused)])
    return refused[-1] if refused else ""


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("CRITICAL", "critical"),
        ("HIGH", "high"),
        ("MEDIUM", "medium"),
        ("LOW", "low"),
        ("UNKNOWN", "critical"),
        ("", "critical"),
        (None, "critical"),
        (["LOW"], "critical"),
        ("L\u041eW", "critical"),
    ],
)
def test_trivys_severities_are_mapped(said: object, found: str) -> None:
    assert level(trivy({"VulnerabilityID": "CVE-1", "PkgName": "x", "Severity": said})) == found


def test_nothing_found_is_below_all() -> None:
    for result in (trivy(), grype(), sarif()):
        assert level(result) == ""


def test_a_score_stands_in_for_an_unknown_word() -> None:
    cvss = {"nvd": {"V3Score": 5.1}, "ghsa": {"V40Score": 7.2}}
    assert level(trivy({"Severity": "UNKNOWN", "CVSS": cvss})) == "high"
    assert level(trivy({"Severity": "LOW", "CVSS": cvss})) == "low"
    assert level(trivy({"Severity": "UNKNOWN", "CVSS": {"nvd": {"V3Score": True}}})) == "critical"
    assert level(trivy({"Severity": "UNKNOWN", "CVSS": {"nvd": {"V3Score": 99}}})) == "critical"
    scored = {"cvss": [{"metrics": {"baseScore": 3.9}}]}
    assert level(grype("Unknown", **scored)) == "low"


def test_all_that_trivy_found_counts() -> None:
    low = {"VulnerabilityID": "CVE-1", "Severity": "LOW"}
    high = {"RuleID": "aws-access-key-id", "Severity": "HIGH"}
    assert level(trivy(low, Secrets=[high])) == "high"
    for status, found in (("FAIL", "high"), ("PASS", "low"), (None, "high"), (["PASS"], "high")):
        failed = {"ID": "DS002", "Severity": "HIGH", "Status": status}
        assert level(trivy(low, Misconfigurations=[failed])) == found


@pytest.mark.parametrize(
    "change",
    [
        {"Results": None},
        {"Results": []},
        {"Results": [{"Target": "x", "Class": "secret"}]},
        {"Results": ["x"]},
        {"Results": [{"Class": "os-pkgs"}]},
        {"Results": [{"Target": "x", "Class": "os-pkgs", "Vulnerabilities": {}}]},
        {"Results": [{"Target": "x", "Class": "os-pkgs", "Vulnerabilities": ["CVE-1"]}]},
        {"SchemaVersion": 1},
        {"SchemaVersion": 2.0},
        {"SchemaVersion": "2"},
        {"SchemaVersion": True},
    ],
)
def test_a_report_that_is_not_trivys_or_scanned_nothing_is_a_reason(change: dict[str, Any]) -> None:
    assert against(cosign({**trivy(), **change}), VULNERABILITIES, below="critical")


def test_grypes_severities_are_mapped() -> None:
    assert level(grype("Negligible")) == "info"
    assert level(grype("Low", "Medium")) == "medium"
    assert level(grype("High", "Critical", "Low")) == "critical"
    assert level(grype("Unknown")) == level(grype(None)) == "critical"
    assert level({**grype(), "matches": [7]}) == "critical"
    for change in ({"matches": None}, {"descriptor": {"name": "x"}}, {"descriptor": None}):
        assert against(cosign({**grype(), **change}), VULNERABILITIES, below="critical")
    (reason,) = against(cosign(grype("High")), VULNERABILITIES, below="high")
    assert reason == "1 found at high or above: 'CVE-2026-1 in openssl' (high)"


@pytest.mark.parametrize(
    ("score", "result", "found"),
    [
        ("9.8", {"level": "note"}, "critical"),
        ("7.0", {}, "high"),
        ("4.0", {}, "medium"),
        ("0.1", {}, "low"),
        ("0.0", {}, "info"),
        (None, {"level": "error"}, "critical"),
        (None, {"level": "warning"}, "medium"),
        (None, {"level": "none"}, "info"),
        (None, {}, "low"),
        (None, {"level": "odd"}, "critical"),
        (None, {"level": ["none"]}, "critical"),
        (None, {"ruleId": "unheard of"}, "critical"),
        (None, {"kind": "pass", "level": "none"}, ""),
        ("9.8", {"kind": "open"}, "critical"),
        ("9.8", {"suppressions": [{"kind": "external"}]}, "critical"),
        ("7.0", {"properties": {"security-severity": "9.1"}}, "critical"),
        ("x", {"level": "note"}, "low"),
    ],
)
def test_sarif_is_rated_by_its_score_or_level(
    score: str | None, result: dict[str, Any], found: str
) -> None:
    assert level(sarif({"ruleId": "CVE-2026-1", **result}, score=score)) == found
    if "ruleId" not in result:
        assert level(sarif({"ruleIndex": 0, **result}, score=score)) == found


def test_rules_of_one_name_rate_nothing() -> None:
    log = sarif({"ruleId": "CVE-2026-1"}, score="9.8")
    driver = log["runs"][0]["tool"]["driver"]
    driver["rules"].append({"id": "CVE-2026-1", "properties": {"security-severity": "1.0"}})
    assert level(log) == "critical"
    driver["rules"].reverse()
    assert level(log) == "critical"


@pytest.mark.parametrize(
    "change",
    [
        {"version": "2.0.0"},
        {"runs": []},
        {"runs": [{}]},
        {"runs": [{"results": None}]},
        {"runs": ["x"]},
        {"runs": [{"results": ["x"]}]},
        {"runs": [{"results": [], "invocations": [{"executionSuccessful": False}]}]},
        {"runs": [{"results": [], "invocations": [{}]}]},
    ],
)
def test_what_is_no_sarif_or_failed_is_a_reason(change: dict[str, Any]) -> None:
    assert against(cosign({**sarif(), **change}), VULNERABILITIES, below="critical")


def test_imgforges_own_reports_are_read() -> None:
    own = {"scanner": "imgforge 1", "day": "2026-11-28", "findings": [{"severity": "medium"}]}
    assert level(own) == "medium"
    assert against(own, FINDINGS, below="high") == []


def test_imgforges_own_sarif_has_the_severities_of_its_findings() -> None:
    for finding in madereport.FINDINGS:
        written = own_sarif.render(madereport.report(finding))
        assert level(json.loads(written)) == str(finding.severity)


@pytest.mark.parametrize("result", [None, [], {}, "x", 7, {"findings": "none"}, {"matches": []}])
def test_a_report_of_unknown_form_is_a_reason(result: object) -> None:
    assert against(cosign(result), VULNERABILITIES, below="critical")


@pytest.mark.parametrize("kind", VULNS)
@pytest.mark.parametrize(
    ("ratings", "found"),
    [
        (
            [{"method": "nvd", "score": "medium"}, {"method": "cvss_score", "score": "9.9"}],
            "medium",
        ),
        ([{"method": "x", "score": "low"}, {"method": "y", "score": "HIGH"}], "high"),
        ([{"method": "CVSSv3", "score": "5.2"}], "medium"),
        ([{"method": "CVSSv3", "score": 5.2}], "medium"),
        ([{"method": "epss", "score": "0.01"}], "critical"),
        ([{"method": "nvd", "score": "CVSS:3.1/AV:N"}], "critical"),
        ([{"score": "1.0"}], "critical"),
        ([], "critical"),
        (["low"], "critical"),
    ],
)
def test_in_totos_vulnerabilities_are_rated(kind: str, ratings: object, found: str) -> None:
    flat = {"id": "CVE-2026-1", "severity": ratings}
    assert level([flat], kind) == found
    assert level([{"vulnerability": flat}], kind) == found


@pytest.mark.parametrize(
    "result", [None, {}, ["x"], [{}], [{"id": "x"}], [{"id": 7, "severity": []}]]
)
def test_what_is_not_in_totos_is_a_reason(result: object) -> None:
    assert against(cosign(result), VULNS[1], below="critical")
    assert against(cosign([]), VULNS[1], below="info") == []


@pytest.mark.parametrize(
    ("finished", "reason"),
    [
        ("2026-11-28T23:59:59Z", ""),
        ("2026-11-29T12:00:00+09:00", ""),
        ("2026-11-21 00:00:00Z", ""),
        ("2026-11-20T23:59:59.999Z", "8 days old, over 7"),
        ("2026-11-21T00:30:00+01:00", "8 days old, over 7"),
        ("2026-11-30T00:00:00Z", "still to come"),
        ("2026-11-28T10:00:00", "no time"),
        ("2026-11-28", "no time"),
        ("2026-13-28T10:00:00Z", "no time"),
        ("0001-01-01T00:00:00+23:00", "no time"),
        ("2026-11-28T10:00:00+99:99", "no time"),
        (1_800_000_000, "no text"),
        (None, "no text"),
    ],
)
def test_a_scan_must_not_be_old_nor_of_the_future(finished: object, reason: str) -> None:
    found = against(cosign(trivy(), finished), VULNERABILITIES, max_age=7)
    assert len(found) == bool(reason)
    assert reason in "".join(found)


def test_both_conditions_are_judged() -> None:
    old = cosign(trivy({"Severity": "HIGH"}), "2020-01-01T00:00:00Z")
    assert len(against(old, VULNERABILITIES, below="low", max_age=7)) == 2
    missing = copy.deepcopy(old)
    del missing["metadata"]
    assert against(missing, VULNERABILITIES, max_age=7)
    assert against(missing, VULNERABILITIES, below="critical") == []


def test_ten_thousand_findings_are_judged_at_once(
    best_of: Callable[[Callable[[], object]], float],
) -> None:
    entry = {"VulnerabilityID": "CVE-2026-1", "PkgName": "x", "Severity": "UNKNOWN"}
    scores = {"nvd": {"V3Score": 9.8}}
    vulnerabilities = [{**entry, "CVSS": scores} for _ in range(10_000)]
    many = [cosign(trivy(*vulnerabilities)), cosign(grype(*["High"] * 10_000))]
    many.append(cosign(sarif(*[{"ruleId": "CVE-2026-1"}] * 10_000, score="9.8")))
    for predicate in many:
        taken = best_of(lambda p=predicate: against(p, VULNERABILITIES, below="low"))  # type: ignore[misc]
        assert taken < 0.5  # ten times what it takes: squared, it would take minutes
