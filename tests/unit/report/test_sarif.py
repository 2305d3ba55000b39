from __future__ import annotations

import dataclasses
import json
import re
import urllib.parse
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import madereport
import pytest
from madereport import EXCUSED, FINDINGS, KEY, NASTY

from imgforge.checks import profiles
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rules import RULES
from imgforge.policy import Policy
from imgforge.report import sarif
from imgforge.report.subject import Report

SCHEMA = Path(__file__).parents[2] / "data" / "sarif" / "sarif-schema-2.1.0.json"


@cache
def validator() -> jsonschema.Draft4Validator:
    return jsonschema.Draft4Validator(
        json.loads(SCHEMA.read_text(encoding="utf-8")),
        format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER,
    )


def runs(*reports: Report) -> list[dict[str, Any]]:
    log = json.loads(sarif.render(*reports))
    validator().validate(log)
    assert log["version"] == "2.1.0"
    out: list[dict[str, Any]] = log["runs"]
    return out


def test_the_schema_would_notice() -> None:
    log = json.loads(sarif.render(madereport.report(KEY)))
    log["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(jsonschema.ValidationError):
        validator().validate(log)


def test_every_rule_is_listed_with_help() -> None:
    [run] = runs(madereport.report(*madereport.every_rule()))
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.id for rule in RULES]
    assert len(run["results"]) == len(RULES)
    for rule, said in zip(RULES, rules, strict=True):
        assert said["shortDescription"]["text"] == rule.title
        assert rule.remedy in said["help"]["text"]
        assert rule.remedy in said["help"]["markdown"]
        assert said["helpUri"].endswith(rule.id)
        assert 0 <= float(said["properties"]["security-severity"]) <= 10
        assert len(said["properties"]["tags"]) <= 10


def test_results_follow_the_faults() -> None:
    [run] = runs(madereport.report(*FINDINGS))
    rules = run["tool"]["driver"]["rules"]
    ordered = [fault.finding for fault in madereport.report(*FINDINGS).faults()]
    for result, finding in zip(run["results"], ordered, strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == finding.check
        [location] = result["locations"]
        physical = location["physicalLocation"]
        assert physical["region"]["startLine"] == 1
        assert physical["artifactLocation"]["uriBaseId"] in run["originalUriBaseIds"]
        assert re.fullmatch(r"[A-Za-z0-9._~%/-]+", physical["artifactLocation"]["uri"])
        assert list(result["partialFingerprints"].values()) == [finding.fingerprint]
    uri = run["results"][1]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert urllib.parse.unquote(uri, errors="surrogateescape") == NASTY.path
    [logical] = run["results"][0]["locations"][0]["logicalLocations"]
    assert logical["fullyQualifiedName"] == "acme/web:1.0//linux/amd64/layer 1 of 2//a"
    assert "[only in layer 1 of 2]" in run["results"][0]["message"]["text"]


def test_what_is_excused_is_suppressed() -> None:
    [run] = runs(madereport.report(KEY, EXCUSED))
    assert "suppressions" not in run["results"][0]
    [suppression] = run["results"][1]["suppressions"]
    assert suppression["justification"] == "accepted, by Ann, until 2030-01-31"


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("app/Dockerfile", "app/Dockerfile"),
        ("/srv/a b", "file:///srv/a%20b"),
        ("c:x/Dockerfile", "c%3Ax/Dockerfile"),
        ("", "app/Dockerfile"),
    ],
)
def test_findings_of_a_dockerfile_point_into_the_repository(path: str, uri: str) -> None:
    finding = Finding("IF100", Severity.HIGH, "t", "m", "r", path, line=7)
    [run] = runs(madereport.dockerfile(finding))
    [location] = run["results"][0]["locations"]
    assert location == {
        "physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": 7}}
    }


def test_rules_of_other_tools_are_listed_too() -> None:
    foreign = Finding("DL3008", Severity.LOW, "Pin", "m", "r", "Dockerfile", line=1)
    again = dataclasses.replace(foreign, line=2)
    [run] = runs(madereport.dockerfile(foreign, again))
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [*(rule.id for rule in RULES), "DL3008"]
    assert {result["ruleIndex"] for result in run["results"]} == {len(RULES)}
    assert "helpUri" not in rules[-1]


def test_names_make_no_links() -> None:
    evil = dataclasses.replace(KEY, message="[here](https://evil.example)")
    [run] = runs(madereport.report(evil))
    assert "](" not in run["results"][0]["message"]["text"]


def test_too_many_results_are_cut_off_and_counted() -> None:
    many = [
        Finding("IF012", Severity.MEDIUM, "t", "m", "r", f"p{n}", madereport.APP)
        for n in range(sarif.MOST + 3)
    ]
    log = json.loads(sarif.render(madereport.report(*many, KEY)))
    [run] = log["runs"]
    assert len(run["results"]) == sarif.MOST
    assert run["results"][0]["ruleId"] == "IF020"
    [note] = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"].startswith("4 further results")


def test_several_subjects_are_runs_that_can_be_told_apart() -> None:
    named = dataclasses.replace(madereport.report(KEY), subject=f"acme/web@{madereport.APP}")
    ids = [run["automationDetails"]["id"] for run in runs(named, madereport.dockerfile())]
    assert ids == ["imgforge/acme/web/", "imgforge/app/Dockerfile/"]
    [run] = runs(named)
    assert "automationDetails" not in run


@pytest.mark.parametrize("name", profiles.PROFILES)
def test_a_profile_is_a_taxonomy(name: str) -> None:
    profile = profiles.PROFILES[name]
    findings = madereport.every_rule()
    ran = {rule.id for rule in RULES}
    outcomes = profiles.judge(profile, findings, ran, Policy())
    found = dataclasses.replace(madereport.report(*findings), profile=profile, outcomes=outcomes)
    [run] = runs(found)
    [taxonomy] = run["taxonomies"]
    taxa = taxonomy["taxa"]
    assert [taxon["id"] for taxon in taxa] == [practice.id for practice in profile.practices]
    for rule in run["tool"]["driver"]["rules"]:
        related = {taxa[r["target"]["index"]]["id"] for r in rule.get("relationships", [])}
        assert related == {p.id for p in profile.practices if rule["id"] in p.rules}
    for result in run["results"]:
        failed = {taxa[taxon["index"]]["id"] for taxon in result.get("taxa", [])}
        assert failed == {p.id for p in profile.practices if result["ruleId"] in p.rules}
    verdicts = [practice["verdict"] for practice in run["properties"]["practices"]]
    assert verdicts == [outcome.verdict for outcome in outcomes]
