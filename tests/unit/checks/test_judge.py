from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from imgforge import checks
from imgforge.analysis import ImageFacts
from imgforge.analysis.config import read
from imgforge.checks import CHECKS
from imgforge.checks.finding import Finding, Severity
from imgforge.oci.types import Platform
from imgforge.policy import Ignore, Policy
from imgforge.report import subject


def finding(severity: Severity, layer: str) -> Finding:
    return Finding("IF020", severity, "t", "m", "r", path="app/key.pem", layer=layer, key="pem")


IMAGE = ImageFacts("", Platform("linux", "amd64"), {}, read({}), (), {})


def report(
    policy: Policy, *platforms: list[Finding], asked: Sequence[checks.Check] = CHECKS
) -> list[Finding]:
    """Report on an image for whose platforms the checks found these."""
    return list(
        subject.of("x", policy, images=[(IMAGE, p) for p in platforms], asked=asked).findings
    )


def test_a_mild_finding_never_hides_a_worse_one_with_its_fingerprint() -> None:
    """One path can be a published test key in one layer and a credential in another."""
    worst, mild = finding(Severity.CRITICAL, "a"), finding(Severity.LOW, "b")
    assert worst.fingerprint == mild.fingerprint
    judged = report(Policy(), [worst, mild], [mild])
    assert judged == [worst, mild]
    assert not checks.gate_holds(judged, Policy())


@dataclass(frozen=True)
class Finds:
    """A check that finds just this."""

    RULE: checks.Rule
    found: tuple[Finding, ...] = ()

    def check(self, image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG002
        yield from self.found


def judge(found: list[Finding], policy: Policy) -> dict[str, Finding]:
    """Judge an image in which checks find just this."""
    rules = {check.RULE.id: check for check in CHECKS}
    made = [Finds(rules["IF010"].RULE, tuple(found)), Finds(rules["IF020"].RULE)]
    asked = [*made, rules["IF090"], rules["IF091"]]
    return {f.check: f for f in report(policy, checks.run(IMAGE, policy, asked), asked=asked)}


DAY = dt.date(2026, 6, 1)
LATER = DAY + dt.timedelta(days=100)
SETUID = Finding("IF010", Severity.HIGH, "t", "m", "r", path="opt/su", key="su")


def test_severities_are_the_policys() -> None:
    for level, passes in (("medium", True), ("high", False)):
        policy = Policy(severities={"IF010": level}, day=DAY)  # type: ignore[dict-item]
        found = judge([SETUID], policy)
        assert str(found["IF010"].severity) == level
        assert checks.gate_holds(list(found.values()), policy) is passes


@pytest.mark.parametrize("check", ["IF040", "IF090"])
def test_no_policy_lowers_or_excuses_what_says_that_something_is_not_in_order(check: str) -> None:
    wrong = Finding(check, Severity.CRITICAL, "t", "m", "r")
    lenient = Policy(
        severities={check: "info"}, ignore=(Ignore(check, "*", "r", LATER, "o"),), day=DAY
    )
    found = judge([wrong], lenient)[check]
    assert (found.severity, found.ignored) == (Severity.CRITICAL, "")


@pytest.mark.parametrize(
    ("narrow", "accepts"),
    [
        ({}, True),
        ({"path": "opt/*"}, True),
        ({"path": "usr/*"}, False),
        ({"key": "s?"}, True),
        ({"key": "sudo"}, False),
        ({"fingerprint": SETUID.fingerprint}, True),
        ({"fingerprint": "0" * 32}, False),
        ({"image": "acme/*"}, True),
        ({"image": "acme/api"}, False),
        ({"check": "IF020"}, False),
    ],
)
def test_an_exception_accepts_just_what_it_is_for(
    narrow: dict[str, Any],
    accepts: bool,  # noqa: FBT001
) -> None:
    ignore = Ignore(**{"check": "IF010", "path": "*", "reason": "r", "expires": LATER, **narrow})
    for policy in (Policy(ignore=(ignore,), day=DAY), Policy(inherited=(ignore,), day=DAY)):
        found = judge([SETUID], policy.about("acme/web"))
        assert bool(found["IF010"].ignored) is accepts
        unused = not accepts and "image" not in narrow and not policy.inherited
        assert ("IF092" in found) is unused


def test_an_exception_for_certain_images_waits_until_the_image_is_known() -> None:
    for until in (LATER, DAY - dt.timedelta(days=1)):
        policy = Policy(ignore=(Ignore("IF010", "*", "r", until, image="acme/*"),), day=DAY)
        assert judge([SETUID], policy).keys() == {"IF010"}
        assert not judge([SETUID], policy)["IF010"].ignored
        assert policy.about("other").ignore == ()


def test_what_ends_for_one_image_does_not_fail_another() -> None:
    ended = Ignore("IF010", "*", "r", DAY - dt.timedelta(days=1), "us", image="acme/api")
    policy = Policy(inherited=(ended,), day=DAY)
    assert "IF090" not in judge([], policy.about("acme/web"))
    found = judge([], policy.about("acme/api"))
    assert found["IF090"].severity is Severity.HIGH
    assert "ask us" in found["IF090"].message


def test_an_exception_is_unused_only_if_no_platform_and_no_check_needs_it() -> None:
    ignore = Ignore("IF010", "opt/*", "r", LATER, "o")
    policy = Policy(ignore=(ignore,), day=DAY)
    assert "IF092" not in {f.check for f in report(policy, [], [checks.judged(SETUID, policy)])}
    assert [(f.check, f.key) for f in report(policy, [], [])] == [("IF092", "IF010 at opt/*")]
    some = [check for check in CHECKS if check.RULE.id != "IF010"]
    assert report(policy, [], [], asked=some) == []
