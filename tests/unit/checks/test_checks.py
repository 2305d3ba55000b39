from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import madeimage as made
import pytest
from judged import APP, CONFIG, POLICY, findings

from imgforge.analysis import ImageFacts
from imgforge.checks import CHECKS, Rule, gate_holds, run
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rules import RULES
from imgforge.errors import ImgforgeError
from imgforge.policy import Ignore, Policy


def test_a_good_image_has_no_findings(tmp_path: Path) -> None:
    assert findings(tmp_path) == []


def test_ids_are_unique_ordered_and_well_formed() -> None:
    numbers = [rule.id for rule in RULES]
    assert numbers == sorted(set(numbers))
    for rule in RULES:
        assert rule.id[:2] == "IF"
        assert rule.id[2:].isdigit()
        assert rule.title[-1] != "."
        assert rule.remedy[-1] == "."
        assert rule.references


def test_exceptions_excuse_until_they_expire(tmp_path: Path) -> None:
    until = dt.date(2026, 6, 1)
    members = [*APP, made.file("opt/x/su", b"x", 0o4755)]

    def judged(policy: Policy) -> dict[str, Finding]:
        return {f.check: f for f in findings(tmp_path, members, policy=policy)}

    ignore = Ignore("IF010", "opt/*", "known", until, "us")
    excused = Policy(ignore=(ignore,), day=until - dt.timedelta(days=15))
    seen = judged(excused)
    assert [(f.ignored, f.ignored_by, f.ignored_until) for f in seen.values()] == [
        ("known", "us", "2026-06-01")
    ]
    assert gate_holds(list(seen.values()), excused)
    last = judged(dataclasses.replace(excused, day=until))
    assert {c: str(f.severity) for c, f in last.items()} == {"IF010": "high", "IF091": "info"}
    assert "us answers for it" in last["IF091"].message
    for fail_on, severity in (("low", "high"), ("high", "high"), ("critical", "critical")):
        late = Policy(fail_on, ignore=(ignore,), day=until + dt.timedelta(days=1))  # type: ignore[arg-type]
        found = judged(late)
        assert [(c, f.ignored) for c, f in found.items()].count(("IF010", "")) == 1
        assert str(found["IF090"].severity) == severity
        assert not gate_holds([found["IF090"]], late)
    other = Policy(ignore=(dataclasses.replace(ignore, path="usr/*"),), day=until)
    assert not gate_holds(list(judged(other).values()), other)


@pytest.mark.parametrize(
    ("fail_on", "passes"), [("critical", True), ("high", False), ("medium", False), ("info", False)]
)
def test_the_gate_compares_severities(fail_on: Any, passes: bool) -> None:  # noqa: ANN401, FBT001
    finding = Finding("IF010", Severity.HIGH, "t", "m", "r")
    assert gate_holds([finding], Policy(fail_on=fail_on)) is passes
    assert gate_holds([], Policy(fail_on=fail_on))


class _Broken:
    RULE = Rule("IF999", Severity.LOW, "Broken", "Why.", "None.")

    def check(self, image: ImageFacts, policy: Policy) -> Iterator[Finding]:
        yield Finding("IF999", Severity.LOW, str(policy), image.digest, "")
        raise KeyError("oops")


def test_a_check_that_fails_is_an_error_that_names_it(tmp_path: Path) -> None:
    image = made.facts(tmp_path, APP, config=CONFIG)
    with pytest.raises(ImgforgeError, match="IF999") as error:
        run(image, POLICY, [*CHECKS, _Broken()])
    assert "oops" in error.value.message


def test_worst_findings_come_first_and_fingerprints_last(tmp_path: Path) -> None:
    members = [*APP, made.file("open", b"", 0o666), made.file("su", b"x", 0o4755)]
    once = findings(tmp_path, members, Env=["DB_PASSWORD=hunter22x"])
    assert [f.severity for f in once] == [Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM]
    again = findings(tmp_path / "b", [made.file("new"), *members], Env=["DB_PASSWORD=hunter22x"])
    assert [f.fingerprint for f in once] == [f.fingerprint for f in again]
    assert len({f.fingerprint for f in once}) == 3
    assert Severity.parse("high") is Severity.HIGH
    with pytest.raises(ValueError, match="urgent"):
        Severity.parse("urgent")
