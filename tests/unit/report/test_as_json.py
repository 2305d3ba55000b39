from __future__ import annotations

import dataclasses
import json
from typing import Any

import jsonschema
import madereport
import pytest
from madereport import APP, BASE, EXCUSED, FINDINGS, KEY, NASTY

from imgforge import __version__
from imgforge.checks import profiles
from imgforge.checks.finding import Finding, Severity
from imgforge.policy import Policy
from imgforge.report import as_json
from imgforge.report.subject import Report


def value(*reports: Report) -> dict[str, Any]:
    out: dict[str, Any] = json.loads(as_json.render(*reports))
    validator = jsonschema.Draft202012Validator(closed(as_json.json_schema()))
    validator.validate(out)
    return out


def closed(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """Return the schema with no key allowed but those it names: what is written is described."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: closed(item) for key, item in schema.items()}
    return {**out, "additionalProperties": False} if out.get("type") == "object" else out


def with_profile(name: str, *findings: Finding) -> Report:
    profile = profiles.PROFILES[name]
    outcomes = profiles.judge(profile, findings, {"IF020", "IF030"}, Policy(allow_shell=True))
    return dataclasses.replace(madereport.report(*findings), profile=profile, outcomes=outcomes)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(as_json.json_schema())


def test_a_subject_has_its_digests_verdict_and_counts() -> None:
    found = dataclasses.replace(madereport.report(*FINDINGS), policy="sha256:" + "d" * 64)
    out = value(found)
    assert out["tool"] == {"name": "imgforge", "version": __version__}
    assert out["passed"] is False
    [subject] = out["subjects"]
    assert subject["subject"] == "acme/web:1.0"
    assert subject["digest"] == APP
    assert subject["platforms"] == [
        {"platform": "linux/amd64", "digest": APP, "layers": [BASE, APP]}
    ]
    assert subject["gate"] == {"failOn": "high", "passed": False, "policy": found.policy}
    assert subject["summary"] == {
        "info": 0,
        "low": 0,
        "medium": 12,
        "high": 1,
        "critical": 1,
        "ignored": 1,
    }


def test_a_finding_has_all_fields() -> None:
    [subject] = value(madereport.report(*FINDINGS))["subjects"]
    first, second, *_, last = subject["findings"]
    assert first == {
        "check": "IF020",
        "severity": "critical",
        "title": "Title one",
        "message": "key in /a: b, 100%",
        "remedy": "Fix it.",
        "path": "a",
        "layer": BASE,
        "fingerprint": KEY.fingerprint,
        "sites": [
            {"platform": "linux/amd64", "layer": BASE, "number": 1, "layers": 2, "final": False}
        ],
    }
    assert second["path"] == NASTY.path
    assert last["ignored"] == EXCUSED.ignored
    assert (last["ignoredBy"], last["ignoredUntil"]) == ("Ann", "2030-01-31")
    assert last["sites"] == [{"platform": "linux/amd64"}]


def test_a_dockerfile_has_neither_digest_nor_platforms() -> None:
    finding = Finding("IF100", Severity.HIGH, "t", "m", "r", "Dockerfile", line=7)
    [subject] = value(madereport.dockerfile(finding))["subjects"]
    assert "digest" not in subject
    assert subject["platforms"] == []
    assert (subject["findings"][0]["line"], subject["findings"][0]["sites"]) == (7, [])


def test_one_that_fails_fails_all() -> None:
    out = value(madereport.report(), madereport.dockerfile())
    assert [subject["gate"]["passed"] for subject in out["subjects"]] == [True, False]
    assert out["passed"] is False
    assert value(madereport.report())["passed"] is True


@pytest.mark.parametrize("name", profiles.PROFILES)
def test_every_profile_is_described(name: str) -> None:
    [subject] = value(with_profile(name, KEY))["subjects"]
    assert subject["profile"]["name"] == name
    practices = subject["profile"]["practices"]
    assert [p["id"] for p in practices] == [p.id for p in profiles.PROFILES[name].practices]
    failed = [p for p in practices if p["verdict"] == "fail"]
    assert all(p["findings"] == [KEY.fingerprint] for p in failed)
    assert bool(failed) == (name != "restricted")


def test_every_rule_can_be_reported() -> None:
    assert value(madereport.report(*madereport.every_rule()))
