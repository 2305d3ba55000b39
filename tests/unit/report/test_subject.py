from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import madeimage as made
import madereport

from imgforge import checks
from imgforge.checks.dockerfile import RULES
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.profiles import PROFILES
from imgforge.checks.rule import Rule
from imgforge.policy import Ignore, Policy
from imgforge.report import FORMATS, subject
from imgforge.report.subject import Report

APP = [made.folder("usr/bin"), made.file("usr/bin/app", b"\x7fELF", 0o755)]
CONFIG = {"User": "1000:1000", "Entrypoint": ["/usr/bin/app"]}


def judged(tmp_path: Path, policy: Policy, *layers: list[made.Member]) -> Report:
    facts = made.facts(tmp_path, *layers, config=CONFIG)
    return subject.of("x", policy, images=[(facts, checks.run(facts, policy))], digest=facts.digest)


def test_a_fault_says_its_layer_and_whether_the_final_image_shows_it(tmp_path: Path) -> None:
    su = made.file("usr/bin/su", b"x", 0o4755)
    wall = made.file("usr/bin/wall", b"x", 0o2755)
    found = judged(tmp_path, Policy(), [*APP, su], [made.file("usr/bin/.wh.su"), wall])
    sites = {fault.finding.path: fault.sites for fault in found.faults()}
    [hidden], [shown] = sites["usr/bin/su"], sites["usr/bin/wall"]
    assert (hidden.layer, hidden.layers, hidden.final) == (1, 2, False)
    assert (shown.layer, shown.layers, shown.final) == (2, 2, True)
    assert hidden.digest == found.images[0].layers[0]
    assert not found.passed


def test_a_finding_of_the_configuration_has_no_layer() -> None:
    [fault] = madereport.report(madereport.EXCUSED).faults()
    assert [site.layer for site in fault.sites] == [0]


def test_what_platforms_share_is_one_fault_and_stays_two_findings() -> None:
    amd = dataclasses.replace(madereport.NASTY, layer=madereport.APP)
    arm = dataclasses.replace(madereport.NASTY, layer=madereport.ARM)
    images = (
        madereport.image(amd),
        madereport.image(arm, platform="linux/arm64", top=madereport.ARM),
    )
    found = Report("x", images=images)
    assert found.findings == (amd, arm)
    [fault] = found.faults()
    assert [(site.platform, site.digest) for site in fault.sites] == [
        ("linux/amd64", madereport.APP),
        ("linux/arm64", madereport.ARM),
    ]


def test_images_of_one_platform_are_told_apart(tmp_path: Path) -> None:
    su = made.file("usr/bin/su", b"x", 0o4755)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    both = [
        made.facts(tmp_path / "a", APP, config=CONFIG),
        made.facts(tmp_path / "b", [*APP, su], config=CONFIG),
    ]
    found = subject.of("x", Policy(), images=[(f, checks.run(f, Policy())) for f in both])
    names = [image.platform for image in found.images]
    assert names == [f"{f.platform}@{f.digest[:19]}" for f in both]
    [fault] = [f for f in found.faults() if f.finding.check == "IF010"]
    assert [site.platform for site in fault.sites] == [names[1]]
    assert f"on {names[1]}]" in FORMATS["text"](found)


def test_a_mild_finding_never_hides_a_worse_one_with_its_fingerprint() -> None:
    mild = dataclasses.replace(madereport.KEY, severity=Severity.LOW)
    assert mild.fingerprint == madereport.KEY.fingerprint
    found = madereport.report(mild, madereport.KEY)
    assert found.findings == (madereport.KEY, mild)
    assert len(found.faults()) == 2


def test_the_gate_decides_and_exceptions_are_kept(tmp_path: Path) -> None:
    layer = [*APP, made.file("usr/bin/su", b"x", 0o4755)]
    ignore = Ignore("IF010", "*", "needed", dt.date(2030, 1, 31), "Ann")
    policy = Policy(ignore=(ignore,), day=dt.date(2026, 1, 1))
    found = judged(tmp_path, policy, layer)
    assert found.passed
    [fault] = [fault for fault in found.faults() if fault.finding.check == "IF010"]
    excused = fault.finding
    assert (excused.ignored, excused.ignored_by) == ("needed", "Ann")
    assert excused.ignored_until == "2030-01-31"
    assert not judged(tmp_path / "b", Policy(), layer).passed


def test_a_failed_practice_fails_whatever_the_level(tmp_path: Path) -> None:
    facts = made.facts(tmp_path, [*APP, made.file("srv/x", b"x", 0o666)], config=CONFIG)
    policy = Policy(fail_on="critical")
    images = [(facts, checks.run(facts, policy))]
    assert subject.of("x", policy, images=images).passed
    found = subject.of("x", policy, images=images, profile=PROFILES["twelve"])
    assert not found.passed
    verdicts = {outcome.practice.id: outcome.verdict for outcome in found.outcomes}
    assert (verdicts["9"], verdicts["5"], verdicts["6"]) == ("fail", "pass", "undecidable")


def test_rules_that_were_not_asked_prove_nothing() -> None:
    found = subject.of("Dockerfile", Policy(), dockerfile=[], profile=PROFILES["cis"])
    asked = {rule.id for rule in RULES}
    for outcome in found.outcomes:
        known = asked.intersection(outcome.practice.rules).difference(outcome.silent)
        assert outcome.verdict == ("pass" if known else "undecidable")


def test_a_dockerfile_that_cannot_be_read_passes_no_practice() -> None:
    broken = Finding(subject.UNREADABLE, Severity.HIGH, "t", "m", "r", "Dockerfile", line=1)
    found = subject.of("x", Policy(), dockerfile=[broken], profile=PROFILES["twelve"])
    assert {outcome.verdict for outcome in found.outcomes} == {"undecidable"}
    assert not found.passed


def test_findings_of_a_dockerfile_have_no_site() -> None:
    rule = Rule("IF100", Severity.HIGH, "t", "w", "r.")
    finding = rule.finding("m", path="Dockerfile", line=3)
    found = subject.of("Dockerfile", Policy(), dockerfile=[finding])
    assert [(fault.finding, fault.sites) for fault in found.faults()] == [(finding, ())]
    assert not found.passed
    assert found.findings == (finding,)


def test_faults_are_worst_first_then_by_rule_and_place() -> None:
    order = [fault.finding for fault in madereport.report(*madereport.FINDINGS[::-1]).faults()]
    assert order == [
        madereport.KEY,
        madereport.NASTY,
        *madereport.MANY,
        madereport.EXCUSED,
    ]


def test_lines_of_a_dockerfile_are_in_order() -> None:
    lines = [Finding("IF101", Severity.LOW, "t", "m", "r", "Dockerfile", line=n) for n in (10, 9)]
    found = madereport.dockerfile(*lines)
    assert [fault.finding.line for fault in found.faults()] == [9, 10]


def test_lines_of_a_file_in_an_image_are_in_order() -> None:
    numbers = {"a": 10, "b": 9, "c": 1}
    lines = [
        Finding("IF020", Severity.CRITICAL, "t", f"in line {n}", "r", "a", key=key)
        for key, n in numbers.items()
    ]
    ordered = Report("x", general=tuple(lines)).faults()
    assert [fault.finding.message for fault in ordered] == ["in line 1", "in line 9", "in line 10"]


def test_exceptions_that_nothing_needs_are_reported_once_and_of_no_platform(
    tmp_path: Path,
) -> None:
    facts = made.facts(tmp_path, APP, config=CONFIG)
    day = dt.date(2026, 1, 1)
    ignore = Ignore("IF010", "*", "needed", dt.date(2030, 1, 31), "Ann")
    policy = Policy(ignore=(ignore,), day=day)
    images = [(facts, checks.run(facts, policy))] * 2
    found = subject.of("x", policy, images=images)
    [unused] = found.general
    assert unused.check == "IF092"
    assert unused in found.findings
    assert [fault.sites for fault in found.faults() if fault.finding == unused] == [()]
    assert subject.of("x", policy, images=images, asked=()).general == ()
    assert subject.of("Dockerfile", policy, dockerfile=[]).general == ()
    for render in FORMATS.values():
        assert "IF092" in render(found)
