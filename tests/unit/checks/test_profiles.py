from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from imgforge.checks import profiles
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.profiles import PROFILES, Outcome, Practice, Profile
from imgforge.checks.rules import RULES
from imgforge.policy import Bases, Budget, Policy

ROOT = Path(__file__).parents[3]

SHELL = Finding("IF030", Severity.HIGH, "t", "m", "r", "bin/sh")
ONE = Profile("one", "One", "here", (Practice("1", "No shell", ("IF030", "IF031"), "More."),))


def outcome(*findings: Finding, ran: str = "IF030 IF031", **policy: bool) -> Outcome:
    [found] = profiles.judge(ONE, findings, ran.split(), Policy(**policy))  # type: ignore[arg-type]
    return found


def test_every_rule_that_decides_a_practice_exists() -> None:
    named = {
        rule for profile in PROFILES.values() for p in profile.practices for rule in p.rules
    } | {rule for rules in profiles.ALLOWANCES.values() for rule in rules}
    known = {rule.id for rule in RULES}
    assert named <= known


@pytest.mark.parametrize("name", PROFILES)
def test_practices_are_told_apart_and_undecidable_ones_say_what_decides(name: str) -> None:
    profile = PROFILES[name]
    assert profile.name == name
    ids = [practice.id for practice in profile.practices]
    assert len(ids) == len(set(ids))
    for practice in profile.practices:
        assert practice.rules or practice.beyond
        assert practice.title[-1] != "."
        assert not practice.beyond or practice.beyond[-1] == "."
        assert (practice.title + practice.beyond).isascii()


def test_cis_has_the_whole_section_and_the_twelve_are_twelve() -> None:
    assert [p.id for p in profiles.CIS.practices] == [f"4.{n}" for n in range(1, 13)]
    assert [p.id for p in profiles.TWELVE.practices] == [str(n) for n in range(1, 13)]
    undecidable = [p.id for p in profiles.CIS.practices if not p.rules]
    assert undecidable == ["4.5", "4.12"]


@pytest.mark.parametrize("key", profiles.ALLOWANCES)
def test_allowances_are_keys_of_a_policy(key: str) -> None:
    assert key.replace("-", "_") in {field.name for field in dataclasses.fields(Policy)}


def test_nothing_found_passes_only_where_somebody_looked() -> None:
    assert outcome().verdict == "pass"
    assert outcome(ran="IF031").verdict == "pass"
    assert outcome(ran="IF001").verdict == "undecidable"


def test_a_finding_fails_its_practice_and_no_other() -> None:
    assert outcome(SHELL) == Outcome(ONE.practices[0], "fail", (SHELL,))
    other = dataclasses.replace(SHELL, check="IF001")
    assert outcome(other).verdict == "pass"


def test_a_low_finding_fails_and_a_note_does_not() -> None:
    assert outcome(dataclasses.replace(SHELL, severity=Severity.LOW)).verdict == "fail"
    assert outcome(dataclasses.replace(SHELL, severity=Severity.INFO)).verdict == "pass"


def test_what_the_policy_excuses_is_accepted_not_passed() -> None:
    excused = dataclasses.replace(SHELL, ignored="needed")
    assert outcome(excused) == Outcome(ONE.practices[0], "accepted", (excused,))
    assert outcome(excused, SHELL).verdict == "fail"


def test_what_the_policy_allows_is_accepted_not_passed() -> None:
    allowed = outcome(allow_shell=True)
    assert (allowed.verdict, allowed.allowed) == ("accepted", ("allow-shell",))
    assert outcome(allow_root=True).verdict == "pass"
    assert outcome(allow_shell=True, ran="IF001").verdict == "undecidable"
    manager = dataclasses.replace(SHELL, check="IF031")
    assert outcome(manager, allow_shell=True).verdict == "fail"


def test_a_rule_that_the_policy_gives_no_bound_proves_nothing() -> None:
    def base(policy: Policy, *findings: Finding) -> Outcome:
        found = profiles.judge(profiles.CIS, findings, {"IF060", "IF061", "IF062"}, policy)
        return next(o for o in found if o.practice.id == "4.2")

    assert (base(Policy()).verdict, base(Policy()).silent) == ("undecidable", ("IF060",))
    bounded = Policy(bases=Bases(allow=(("python-*",),)))
    assert (base(bounded).verdict, base(bounded).silent) == ("pass", ())
    fresh = profiles.judge(profiles.CIS, [], {"IF061", "IF062"}, Policy())[3]
    assert (fresh.verdict, fresh.silent) == ("pass", ("IF061",))
    dated = Policy(budget=Budget(base_age=30))
    assert profiles.judge(profiles.CIS, [], {"IF061"}, dated)[3].verdict == "pass"


def test_a_rule_knows_the_practices_it_serves() -> None:
    served = [(profile.name, practice.id) for profile, practice in profiles.serving("IF010")]
    assert served == [("cis", "4.8"), ("twelve", "9"), ("restricted", "escalation")]
    assert profiles.serving("IF999") == ()


def test_the_page_of_the_twelve_has_each() -> None:
    page = (ROOT / profiles.TWELVE.source).read_text(encoding="utf-8")
    heads = re.findall(r"^## (\d+)\. (.+)$", page, re.MULTILINE)
    assert heads == [(p.id, p.title) for p in profiles.TWELVE.practices]
