from __future__ import annotations

import dataclasses
import re

import madereport
from madereport import EXCUSED, FINDINGS, KEY

from imgforge.checks import profiles
from imgforge.checks.finding import Finding, Severity
from imgforge.policy import Policy
from imgforge.report import github
from imgforge.report.subject import Report


def lines(*reports: Report) -> list[str]:
    return github.render(*reports).splitlines()


def test_annotations_cannot_be_injected() -> None:
    nasty = Finding("IF010", Severity.HIGH, "a,b::c\n::error::x", "x\r\n::error::y", "z", "p,q:r")
    shown = lines(madereport.report(nasty, *FINDINGS), madereport.dockerfile(nasty))
    for line in shown:
        match = re.fullmatch(r"::(error|warning|notice) ((?:file|line|title)=[^,:]+,?)+::.*", line)
        assert match, line
    assert sum("100%25" in line for line in shown) == 1
    assert any("file=p%2Cq%3Ar,title=" in line for line in shown)


def test_what_is_excused_is_left_out() -> None:
    assert lines(madereport.report(EXCUSED)) == []


def test_only_findings_of_a_dockerfile_point_at_a_file() -> None:
    finding = Finding("IF100", Severity.LOW, "t", "m", "r.", "app/Dockerfile", line=7)
    [line] = lines(madereport.dockerfile(finding))
    assert line == "::notice file=app/Dockerfile,line=7,title=IF100 t (low)::m. r."
    [line] = lines(madereport.dockerfile(dataclasses.replace(finding, line=0)))
    assert line.startswith("::notice file=app/Dockerfile,title=")
    [line] = lines(madereport.report(KEY))
    assert line == (
        "::error title=IF020 Title one (critical)::acme/web:1.0: key in /a: b, 100%25"
        " [only in layer 1 of 2]. Fix it."
    )


def many(count: int, severity: Severity = Severity.HIGH) -> list[Finding]:
    return [Finding("IF010", severity, "t", f"no {n}", "r.", f"p{n:02}") for n in range(count)]


def test_what_github_would_not_show_is_counted() -> None:
    assert len(lines(madereport.report(*many(10)))) == 10
    shown = lines(madereport.report(KEY, *many(11), *many(3, Severity.MEDIUM)))
    errors = [line for line in shown if line.startswith("::error")]
    assert len(errors) == github.MOST
    assert "IF020" in errors[0]
    assert errors[-1] == "::error title=imgforge::3 more of this level (IF010) are not shown here"
    assert sum(line.startswith("::warning") for line in shown) == 3


def test_the_limit_is_for_the_step_not_the_subject() -> None:
    shown = lines(madereport.report(*many(8)), madereport.dockerfile(*many(8)))
    assert len(shown) == github.MOST
    assert "7 more" in shown[-1]


def test_what_fails_the_gate_is_an_error_however_mild() -> None:
    mild = dataclasses.replace(KEY, severity=Severity.LOW)
    assert lines(madereport.report(mild))[0].startswith("::notice ")
    strict = dataclasses.replace(madereport.report(mild), fail_on="low")
    assert lines(strict)[0].startswith("::error ")


def test_failed_practices_are_named_and_counted() -> None:
    profile = profiles.PROFILES["cis"]
    outcomes = profiles.judge(profile, [KEY], {"IF020"}, Policy())
    found = dataclasses.replace(
        madereport.report(KEY, *many(12)), profile=profile, outcomes=outcomes
    )
    shown = lines(found)
    assert len(shown) == github.MOST
    assert shown[0].startswith("::error title=imgforge profile cis::acme/web:1.0 fails 4.10 ")
