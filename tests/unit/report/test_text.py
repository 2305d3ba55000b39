from __future__ import annotations

import dataclasses
import itertools
import re

import madereport
from madereport import APP, ARM, EXCUSED, FINDINGS, KEY, NASTY

from imgforge.checks import profiles
from imgforge.checks.finding import Finding, Severity
from imgforge.policy import Policy
from imgforge.report import text
from imgforge.report.subject import Report

RULE = "(findings of high or worse fail)"


def test_faults_are_grouped_worst_first() -> None:
    lines = text.render(madereport.report(*FINDINGS)).splitlines()
    heads = [line for line in lines if line and not line.startswith(" ")]
    assert heads == [
        f"acme/web:1.0 {APP} (linux/amd64)",
        "critical IF020  Title one",
        "high     IF010  Title two",
        "medium   IF012  Many",
        "ignored by policy",
        f"1 critical, 1 high, 12 medium (1 ignored by policy): failed {RULE}",
        "hint: imgforge explain IF020 says why it matters and how to mend it",
    ]
    assert "    key in /a: b, 100% [only in layer 1 of 2]" in lines
    assert "    one\\nline\\x1b[31m [in the final image, from layer 2 of 2]" in lines
    assert "    ... and 2 more; --format json lists all" in lines
    assert "    IF003 m (accepted, by Ann, until 2030-01-31)" in lines
    assert lines.count("    hint: Do.") == 2


def test_nothing_found_is_said_with_the_verdict() -> None:
    shown = text.render(madereport.report())
    assert shown.splitlines()[-1] == f"no findings: passed {RULE}"


def test_a_milder_finding_of_a_rule_stays_with_its_rule() -> None:
    mild = dataclasses.replace(KEY, severity=Severity.LOW, path="z", message="published")
    lines = text.render(madereport.report(KEY, NASTY, mild)).splitlines()
    heads = [line for line in lines if re.match("(critical|high|low) ", line)]
    assert heads == ["critical IF020  Title one", "high     IF010  Title two"]
    assert "    (low) published [only in layer 1 of 2]" in lines


def test_colour_only_when_asked() -> None:
    found = madereport.report(*FINDINGS)
    coloured = text.render(found, colour=True)
    assert "\x1b[1;31mcritical IF020\x1b[0m" in coloured
    assert "\x1b" not in text.render(found)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == text.render(found)


def both(amd: list[Finding], arm: list[Finding]) -> str:
    images = (madereport.image(*amd), madereport.image(*arm, platform="linux/arm64", top=ARM))
    return text.render(Report("x", images=images))


def test_platforms_are_folded_when_all_have_the_fault() -> None:
    arm = dataclasses.replace(NASTY, layer=ARM)
    shown = both([NASTY], [arm])
    assert shown.count("one\\nline") == 1
    assert "[in the final image, from layer 2 of 2]" in shown
    assert shown.startswith("x (linux/amd64, linux/arm64)")
    only = both([KEY, NASTY], [KEY])
    assert "[only in layer 1 of 2]" in only
    assert "[in the final image, from layer 2 of 2 on linux/amd64]" in only
    config = dataclasses.replace(EXCUSED, ignored="")
    assert "    m [on linux/arm64]" in both([], [config])
    assert "    m\n" in both([config], [config])


def test_layers_that_differ_are_told_apart() -> None:
    shown = both(
        [dataclasses.replace(NASTY, layer=madereport.BASE)], [dataclasses.replace(NASTY, layer=ARM)]
    )
    assert (
        "[in the final image, from layer 1 of 2 on linux/amd64; "
        "in the final image, from layer 2 of 2 on linux/arm64]"
    ) in shown


def test_a_dockerfile_is_named_with_its_line() -> None:
    finding = Finding("IF100", Severity.HIGH, "t", "runs as root", "r", "app/Dockerfile", line=7)
    whole = Finding("DL3008", Severity.LOW, "t", "no pin", "r", "app/Dockerfile")
    lines = text.render(madereport.dockerfile(finding, whole)).splitlines()
    assert lines[0] == "app/Dockerfile"
    assert "    app/Dockerfile:7: runs as root" in lines
    assert "    app/Dockerfile: no pin" in lines


def test_rules_of_other_tools_are_not_offered_for_explanation() -> None:
    foreign = Finding("DL3008", Severity.HIGH, "t", "no pin", "r", "Dockerfile", line=1)
    assert "hint: imgforge" not in text.render(madereport.dockerfile(foreign))


def test_several_subjects_follow_each_other() -> None:
    shown = text.render(madereport.report(KEY), madereport.dockerfile())
    assert shown.index("acme/web") < shown.index("app/Dockerfile")
    assert shown.count(RULE) == 2


def test_every_verdict_of_a_profile_is_shown_with_its_reason() -> None:
    profile = profiles.PROFILES["cis"]
    ignored = dataclasses.replace(NASTY, ignored="needed")
    policy = Policy(allow_shell=True)
    ran = {"IF001", "IF002", "IF010", "IF020", "IF030", "IF060"}
    outcomes = profiles.judge(profile, [KEY, ignored], ran, policy)
    found = dataclasses.replace(madereport.report(KEY, ignored), profile=profile, outcomes=outcomes)
    lines = text.render(found).splitlines()
    start = lines.index(f"profile cis: {profile.title}")
    assert lines[start + 1] == f"    pass           4.1   {profile.practices[0].title}"
    rows = {
        match[2]: (match[1].strip(), lines[number + 1].strip())
        for number, line in enumerate(lines)
        if (match := re.match(r"    (\S.{12})  (4\.\d+)", line))
    }
    assert list(rows) == [f"4.{n}" for n in range(1, 13)]
    assert rows["4.10"] == ("FAIL", "IF020 (1)")
    assert rows["4.8"] == ("accepted", "IF010 (1)")
    assert rows["4.3"] == ("accepted", "allow-shell in the policy")
    assert rows["4.2"] == ("not decidable", "IF060 has no bound in the policy")
    assert rows["4.5"] == ("not decidable", profile.practices[4].beyond)
    assert "1 of 12 practices failed: failed" in shown_summary(lines)
    assert all(line.isascii() for line in lines)


def shown_summary(lines: list[str]) -> str:
    return next(line for line in lines if "or worse fail)" in line)


def test_a_blank_line_parts_every_group() -> None:
    lines = text.render(madereport.report(*FINDINGS)).splitlines()
    for before, line in itertools.pairwise(lines):
        if re.match("(critical|high|medium|ignored) ", line):
            assert before == ""


def test_a_message_that_names_its_layer_is_enough() -> None:
    told = dataclasses.replace(KEY, message="key in /a (still shipped in layer 1 of 2)")
    shown = text.render(madereport.report(told))
    assert "    key in /a (still shipped in layer 1 of 2)\n" in shown
    other = dataclasses.replace(KEY, message="key of layer 1 of 20, so to say")
    assert "so to say [only" in text.render(madereport.report(other))
