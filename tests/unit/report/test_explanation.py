from __future__ import annotations

import json

import pytest

from imgforge.checks import Rule
from imgforge.checks.profiles import PROFILES
from imgforge.checks.rules import RULES
from imgforge.report import explanation


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_says_why_and_shows_an_example(rule: Rule) -> None:
    assert 100 <= len(rule.why) <= 600
    assert rule.why.endswith(".")
    assert rule.example.strip()
    assert all(len(line) <= 80 for line in rule.example.splitlines())
    assert (rule.why + rule.example).isascii()
    assert rule.references


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_form_says_all(rule: Rule) -> None:
    said = explanation.text(rule)
    flat = " ".join(said.split())
    value = explanation.to_json(rule)
    for form in (flat, " ".join(explanation.markdown(rule).split())):
        assert all(" ".join(text.split()) in form for text in (rule.why, rule.remedy))
        assert all(reference in form for reference in rule.references)
        assert all(practice["title"] in form for practice in value["practices"])
    assert said.startswith(f"{rule.id} ({rule.severity}): {rule.title}\n")
    assert max(map(len, said.splitlines())) <= 100
    assert value["example"] == rule.example
    assert json.loads(explanation.as_json([rule])) == [value]


def test_every_rule_is_in_exactly_one_group() -> None:
    for rule in RULES:
        assert len([group for group in explanation.GROUPS if group.rules([rule])]) == 1
    overview = explanation.overview(RULES)
    assert all(overview.count(f"  {rule.id}  ") == 1 for rule in RULES)


@pytest.mark.parametrize(
    ("topic", "ids"),
    [
        ("IF010", ["IF010"]),
        ("if010", ["IF010"]),
        ("DL3002", ["IF001"]),
        ("ds-0002", ["IF001"]),
        ("CIS-DI-0008", ["IF010"]),
        ("IF999", []),
        ("4.8", []),
        ("", []),
    ],
)
def test_topics(topic: str, ids: list[str]) -> None:
    rules = [r for r in RULES if r.id < "IF1"]
    assert [rule.id for rule in explanation.find(topic, rules)] == ids


@pytest.mark.parametrize("topic", ["credentials", "Credentials", "IF02", "if02x"])
def test_groups(topic: str) -> None:
    found = explanation.find(topic, RULES)
    assert found == [rule for rule in RULES if rule.id.startswith("IF02")]
    assert len(found) >= 3


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_say_what_decides(name: str) -> None:
    profile = PROFILES[name]
    said = " ".join(explanation.profile_text(profile).split())
    for practice in profile.practices:
        assert f"{practice.id}: {practice.title}" in said
        assert practice.beyond in said
        assert all(rule in said for rule in practice.rules)
    undecidable = sum(not practice.rules for practice in profile.practices)
    assert said.count("not decidable from an image") == undecidable
    assert json.loads(explanation.profile_json(profile))["name"] == name


def test_the_example_is_marked_as_what_it_is() -> None:
    rule = Rule("IF998", RULES[0].severity, "t", "w.", "r.", example="# Faulty: x\nUSER 0\n")
    assert "```dockerfile\n" in explanation.markdown(rule)
    toml = Rule("IF998", RULES[0].severity, "t", "w.", "r.", example="[[ignore]]\nA = 1\n")
    assert "```toml\n" in explanation.markdown(toml)
    shell = Rule("IF998", RULES[0].severity, "t", "w.", "r.", example="tar -x\n")
    assert "```sh\n" in explanation.markdown(shell)
