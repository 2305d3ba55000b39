"""Nothing below a policy loosens it: for any two policies and any findings."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgforge.checks import Finding, Severity, gate_holds, judged
from imgforge.errors import InvalidInputError
from imgforge.policy import (
    FLAGS,
    Bases,
    Budget,
    Delegate,
    Ignore,
    Policy,
    Trust,
    downstream,
)
from imgforge.severity import LEVELS, Level

DAY = dt.date(2026, 6, 1)
CHECKS = ("IF010", "IF012", "IF030", "IF040", "IF090")
NATURAL: Mapping[str, Level] = {
    "IF010": "high",
    "IF012": "low",
    "IF030": "medium",
    "IF040": "critical",
    "IF090": "critical",
}
BUDGETS = ("size", "unpacked", "layers", "age", "base_age")

levels = st.sampled_from(LEVELS)
ids = st.sampled_from(CHECKS)
globs = st.sampled_from(["*", "a/*", "a/b", "c"])
days = st.integers(-40, 400).map(lambda n: DAY + dt.timedelta(days=n))
ignores = st.builds(
    Ignore,
    *(ids, globs, st.just("r"), days, st.just("o")),
    image=st.sampled_from(["*", "acme/*"]),
    key=st.sampled_from(["*", "k"]),
)
exempted = st.builds(Trust, globs, exempt=st.just("x"), owner=st.just("o"), expires=days)
signed = st.builds(Trust, globs, key=st.just(Path("k.pub")))
lists = st.lists(globs, max_size=2).map(tuple)
policies = st.builds(
    Policy,
    fail_on=levels,
    **{flag: st.booleans() for flag in FLAGS},
    severities=st.dictionaries(ids, levels, max_size=3),
    floors=st.dictionaries(ids, levels, max_size=2),
    budget=st.builds(Budget, **{name: st.none() | st.integers(0, 9) for name in BUDGETS}),
    ignore=st.lists(ignores, max_size=3).map(tuple),
    inherited=st.lists(ignores, max_size=2).map(tuple),
    bases=st.builds(
        Bases,
        st.lists(lists, max_size=1).map(tuple),
        st.lists(exempted | signed, max_size=2).map(tuple),
    ),
    day=st.just(DAY),
    delegate=st.builds(Delegate, st.frozensets(ids), st.booleans(), st.none() | st.integers(0, 60)),
)
findings = st.lists(
    st.builds(
        lambda check, level, path, key: Finding(
            check,
            min(level, Severity.parse(NATURAL[check])),
            *("t", "m", "r", path),
            key=key,
        ),
        ids,
        st.sampled_from(Severity),
        st.sampled_from(["", "a/b", "a/x", "c"]),
        st.sampled_from(["", "k"]),
    ),
    max_size=4,
)


quick = settings(max_examples=60, deadline=None)


def passes(found: list[Finding], policy: Policy) -> bool:
    held = policy.about("acme/web")
    return gate_holds([judged(finding, held) for finding in found], held)


@quick
@given(policies, policies, findings)
def test_what_passes_both_passes_the_outer_alone(
    outer: Policy, inner: Policy, found: list[Finding]
) -> None:
    if not passes(found, downstream.tighten(outer, inner)):
        return
    assert passes([f for f in found if f.check not in outer.delegate.checks], outer)
    # What is delegated may be accepted below, in time, and in no other way.
    late = DAY + dt.timedelta(days=outer.delegate.max_days or 36_500)
    lent = tuple(
        dataclasses.replace(ignore, expires=min(ignore.expires, late))
        for ignore in inner.exceptions
        if ignore.check in outer.delegate.checks
    )
    assert passes(found, dataclasses.replace(outer, ignore=outer.ignore + lent))


@quick
@given(policies, policies)
def test_every_single_bound_is_the_tighter_of_the_two(outer: Policy, inner: Policy) -> None:
    both = downstream.tighten(outer, inner)
    for one in (outer, inner):
        assert LEVELS.index(both.fail_on) <= LEVELS.index(one.fail_on)
        assert not any(getattr(both, f) and not getattr(one, f) for f in FLAGS)
        for name in BUDGETS:
            most, held = getattr(one.budget, name), getattr(both.budget, name)
            assert most is None or (held is not None and held <= most)
        assert both.delegate.checks <= one.delegate.checks
        assert both.delegate.trust <= one.delegate.trust
        assert set(one.bases.allow) <= set(both.bases.allow)


@quick
@given(policies, policies, st.sampled_from(["a/b", "c", "d"]))
def test_why_a_base_is_believed_is_the_outer_ones_word(
    outer: Policy, inner: Policy, name: str
) -> None:
    def why(policy: Policy) -> Trust | None:
        return next((t for t in policy.bases.trust if fnmatchcase(name, t.match)), None)

    held = why(downstream.tighten(outer, inner))
    if why(outer) is not None or not outer.delegate.trust:
        assert held == why(outer)
    elif held is not None and held.exempt and outer.delegate.max_days is not None:
        assert held.expires is not None
        assert held.expires <= DAY + dt.timedelta(days=outer.delegate.max_days)


@quick
@given(policies)
def test_a_third_policy_is_bound_by_both(policy: Policy) -> None:
    plain = Policy(fail_on="critical", day=DAY)
    once = downstream.tighten(policy, plain)
    assert passes([], once)
    assert once.exceptions == policy.exceptions
    assert downstream.tighten(once, plain).exceptions == policy.exceptions
    assert once.delegate == Delegate(max_days=policy.delegate.max_days)


@quick
@given(policies, policies, findings)
def test_what_is_no_attempt_to_loosen_holds_as_the_inner_one_says_it(
    outer: Policy, inner: Policy, found: list[Finding]
) -> None:
    # As a file below another is: what the other refuses is not in it.
    refused = downstream.loosened(outer, inner, NATURAL)
    wished = {line.partition(":")[0] for line in refused}
    inner = dataclasses.replace(
        inner,
        floors={},
        fail_on=min(outer.fail_on, inner.fail_on, key=LEVELS.index),
        **{f: getattr(inner, f) and getattr(outer, f) for f in FLAGS},
        severities={c: v for c, v in inner.severities.items() if f"severity.{c}" not in wished},
        budget=Budget(),
        ignore=tuple(i for i in inner.ignore if f"ignore {i}" not in wished),
        inherited=(),
        bases=Bases(),
        delegate=Delegate(),
    )
    assert downstream.loosened(outer, inner, NATURAL) == []
    both = downstream.tighten(outer, inner)
    assert both.fail_on == inner.fail_on
    assert [getattr(both, f) for f in FLAGS] == [getattr(inner, f) for f in FLAGS]
    assert set(inner.ignore) == set(both.ignore)
    for finding in found:
        level = inner.severities.get(finding.check)
        if level is not None and outer.floors.get(finding.check) is None:
            assert str(judged(finding, both).severity) == level or finding.check.startswith(
                ("IF04", "IF09")
            )


def wishes(inner: Policy, **outer: Any) -> list[str]:  # noqa: ANN401 - a policy's fields
    return downstream.loosened(Policy(day=DAY, **outer), inner, NATURAL)


def test_every_wish_that_is_not_granted_is_named() -> None:
    until = DAY + dt.timedelta(days=31)
    inner = Policy(
        fail_on="critical",
        allow_shell=True,
        severities={"IF010": "low", "IF030": "low", "IF012": "high"},
        budget=Budget(size=2, layers=1),
        ignore=(
            Ignore("IF010", "a", "r", until, "o"),
            Ignore("IF012", "a", "r", until, "o"),
        ),
        bases=Bases((("*",),), (Trust("*", exempt="x", owner="o", expires=until),)),
        delegate=Delegate(frozenset({"IF010"}), trust=True),
        day=DAY,
    )
    delegate = Delegate(frozenset({"IF012"}), max_days=30)
    assert wishes(
        inner, severities={"IF030": "info"}, budget=Budget(size=1, layers=2), delegate=delegate
    ) == [
        "fail-on: critical where high fails already",
        "allow-shell: not allowed",
        "severity.IF010: low where it is high",
        "budget.size: 2 where 1 is the most",
        "ignore IF010 at a: its acceptance is not delegated",
        "ignore IF012 at a: it lasts until 2026-07-02, and 2026-07-01 is the latest day now",
        "bases.trust *: who is trusted is not delegated",
        "delegate.checks: IF010 is not delegated",
        "delegate.trust: who is trusted is not delegated",
    ]


def test_a_floor_stops_what_an_exact_severity_would_lower() -> None:
    found = [Finding("IF030", Severity.MEDIUM, "t", "m", "r")]
    lowered = downstream.tighten(
        Policy(fail_on="medium", day=DAY), Policy(severities={"IF030": "info"}, day=DAY)
    )
    assert not passes(found, lowered)
    raised = downstream.tighten(
        Policy(severities={"IF030": "info"}, day=DAY),
        Policy(severities={"IF030": "critical"}, day=DAY),
    )
    assert str(judged(found[0], raised).severity) == "critical"


def test_the_error_names_both_files_and_lists_the_wishes() -> None:
    inner = Policy(fail_on="critical", allow_root=True)
    with pytest.raises(InvalidInputError, match=r"mine asks for more than theirs allows") as error:
        downstream.combined([("theirs", Policy()), ("mine", inner)])
    assert len(error.value.details) == 2


def test_each_bound_is_told_with_the_file_that_set_it() -> None:
    outer = Policy(allow_shell=True, severities={"IF030": "low"}, budget=Budget(size=9))
    inner = Policy(
        fail_on="low", allow_shell=True, severities={"IF030": "high"}, budget=Budget(layers=3)
    )
    assert downstream.origins([("theirs", outer), ("mine", inner)]) == {
        "allow-shell": "theirs",
        "budget.size": "theirs",
        "budget.layers": "mine",
        "fail-on": "mine",
        "severity.IF030": "mine",
    }


def test_an_exception_counts_only_if_it_is_delegated_and_ends_in_time() -> None:
    def accepted(check: str, days: int) -> tuple[bool, bool]:
        ignore = Ignore(check, "*", "r", DAY + dt.timedelta(days=days), "o")
        outer = Policy(day=DAY, delegate=Delegate(frozenset({"IF012"}), max_days=30))
        found = [Finding(check, Severity.HIGH, "t", "m", "r")]
        held = [
            downstream.tighten(outer, Policy(day=DAY, **{place: (ignore,)}))  # type: ignore[arg-type]
            for place in ("ignore", "inherited")
        ]
        return passes(found, held[0]), passes(found, held[1])

    assert accepted("IF012", 30) == (True, True)
    assert accepted("IF012", 31) == (False, False)
    assert accepted("IF012", -1) == (False, False)
    assert accepted("IF010", 30) == (False, False)


def test_the_outer_ones_reason_to_trust_comes_first_and_exemptions_end_in_time() -> None:
    def exempt(days: int, why: str) -> Trust:
        until = DAY + dt.timedelta(days=days)
        return Trust("*", exempt=why, owner="o", expires=until)

    def trusts(delegate: Delegate, *inner: Trust) -> list[str]:
        outer = Policy(bases=Bases(trust=(exempt(90, "outer"),)), day=DAY, delegate=delegate)
        held = downstream.tighten(outer, Policy(bases=Bases(trust=inner), day=DAY))
        return [trust.exempt or "key" for trust in held.bases.trust]

    key = Trust("*", key=Path("k.pub"))
    assert trusts(Delegate(), exempt(1, "inner"), key) == ["outer"]
    lent = Delegate(trust=True, max_days=30)
    assert trusts(lent, exempt(31, "late"), exempt(30, "inner"), key) == ["outer", "inner", "key"]
    late = Policy(bases=Bases(trust=(exempt(31, "late"),)), day=DAY)
    assert len(wishes(late, delegate=lent)) == 1
    assert wishes(late, delegate=Delegate(trust=True, max_days=10**9)) == []
