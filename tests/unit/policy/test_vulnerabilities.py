"""``[vulnerabilities]``: how it is read, and that nothing below a policy loosens it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgforge.errors import InvalidInputError
from imgforge.policy import Delegate, Policy, downstream, files, load
from imgforge.policy.downstream_vulnerabilities import may_accept
from imgforge.policy.organisation import check_named, named_in
from imgforge.policy.vulnerabilities import Accepted, Vex, Vulnerabilities, shown
from imgforge.severity import LEVELS
from imgforge.vulnerabilities.judging import judge
from imgforge.vulnerabilities.vulnerability import Vulnerability

DAY = dt.date(2026, 7, 1)

levels = st.sampled_from(LEVELS)
accepted = st.builds(
    Accepted,
    st.sampled_from(["CVE-1", "CVE-2"]),
    st.sampled_from(["*", "pkg:pypi/*"]),
    st.just("r"),
    st.just("o"),
    st.integers(-5, 40).map(lambda days: DAY + dt.timedelta(days)),
)
bounds = st.builds(
    Vulnerabilities,
    st.booleans(),
    st.none() | st.integers(0, 9),
    st.none() | levels,
    st.booleans(),
    st.dictionaries(levels, st.integers(0, 60), max_size=4),
    st.booleans(),
    st.none() | st.sampled_from([0.1, 0.5]),
    st.booleans(),
    st.lists(accepted, max_size=2).map(tuple),
    st.just(()),
)
policies = st.builds(
    Policy,
    fail_on=levels,
    day=st.just(DAY),
    vulnerabilities=bounds,
    delegate=st.builds(
        Delegate, st.sets(st.just("IF200")).map(frozenset), st.just(value=False),
        st.none() | st.integers(0, 30),
    ),
)  # fmt: skip


def vulnerability(component: Any, **fields: Any) -> Vulnerability:  # noqa: ANN401 - any field
    usual: dict[str, Any] = {
        "id": "CVE-1",
        "aliases": (),
        "component": component,
        "summary": "",
        "level": "high",
        "rated": "x",
        "score": 0.0,
        "vector": "",
        "fixed": "",
        "published": "2026-06-20",
        "url": "",
        "source": "",
    }
    return Vulnerability(**{**usual, **fields})


found = st.fixed_dictionaries(
    {
        "level": levels,
        "fixed": st.sampled_from(["", "2"]),
        "exploited": st.booleans(),
        "malicious": st.booleans(),
        "probability": st.none() | st.sampled_from([0.2, 0.9]),
    }
)


@given(policies, policies, found)
@settings(max_examples=300, deadline=None)
def test_what_fails_above_fails_below_unless_its_acceptance_is_delegated(
    outer: Policy, inner: Policy, fields: dict[str, Any]
) -> None:
    import madescan as made

    (above,) = judge([vulnerability(made.component(), **fields)], outer)
    both = downstream.tighten(outer, inner)
    (below,) = judge([above.vulnerability], both)
    if above.fails:
        delegated = "IF200" in outer.delegate.checks and below.excuse is not None
        assert below.fails or (delegated and below.excuse is not None and below.excuse.by == "o")
    assert both.vulnerabilities.required >= outer.vulnerabilities.required
    own = outer.vulnerabilities.max_age
    assert own is None or (both.vulnerabilities.max_age or 0) <= own


@given(policies, policies)
@settings(max_examples=200, deadline=None)
def test_what_is_refused_is_exactly_what_would_loosen(outer: Policy, inner: Policy) -> None:
    wishes = downstream.loosened(outer, inner, {})
    if not any("vulnerabilities." in wish for wish in wishes):
        held = downstream.tighten(outer, inner).vulnerabilities
        assert held.ignore == outer.vulnerabilities.ignore + inner.vulnerabilities.ignore
        assert held.only_fixed or not inner.vulnerabilities.only_fixed
        assert all(held.grace.get(k, 0) <= v for k, v in outer.vulnerabilities.grace.items())


WHOLE = """\
[vulnerabilities]
required = true
database-max-age = 3
fail-on = "medium"
only-fixed = true
grace = { high = 7 }
exploited = "report"
probability = 0.5
unmatched = "fail"
vex = ["vex/*.json", "one.json@sha256:%s", "attested"]

[[vulnerabilities.ignore]]
id = "CVE-2030-1"
package = "pkg:pypi/*"
reason = "r"
owner = "o"
expires = 2030-01-31
""" % ("a" * 64)


def test_every_key_is_read(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(WHOLE)
    held = load(path)
    found = held.vulnerabilities
    assert found.grace == {"high": 7}
    assert (found.required, found.max_age, found.fail_on) == (True, 3, "medium")
    assert (found.exploited, found.unmatched, found.probability) == (False, True, 0.5)
    assert found.trusts_attested
    assert found.vex[1] == Vex(str(tmp_path / "one.json"), "sha256:" + "a" * 64)
    assert held.limit("IF200") == "medium"
    assert held.limit("IF201") == "high"
    assert shown(found)["database-max-age"] == 3
    assert [e["id"] for e in shown(found)["ignore"]] == ["CVE-2030-1"]


@pytest.mark.parametrize(
    ("line", "about"),
    [
        ("grace = -1", "is not a number of days"),
        ("grace = 99999999", "is not a number of days"),
        ("grace = {severe = 3}", "is not one of"),
        ("grace = {high = true}", "high: is not a number of days"),
        ("grace = true", "is neither a number of days"),
        ("probability = 2", "is not a probability"),
        ("probability = true", "is not a probability"),
        ("probability = nan", "is not a probability"),
        ("exploited = 'ignore'", "is not fail or report"),
        ("fail-on = 'bad'", "is not one of"),
        ("vex = 'a'", "is not a list"),
        ("requires = true", "did you mean 'required'"),
        ("ignore = 3", "is not a list of tables"),
        ("[[vulnerabilities.ignore]]\nid = 'CVE-1'", "ignore[0].owner: is required"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(tmp_path: Path, line: str, about: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(f"[vulnerabilities]\n{line}\n")
    with pytest.raises(InvalidInputError) as caught:
        load(path)
    assert about in "\n".join(caught.value.details)


def test_the_documents_that_a_policy_names_decide_too(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(WHOLE)
    (tmp_path / "vex").mkdir()
    (tmp_path / "vex" / "a.json").write_text("{}")
    assert set(named_in(path)) == {tmp_path / "vex" / "a.json", tmp_path / "one.json"}
    assert tmp_path / "one.json" in files(path, {})


def test_a_pinned_policy_pins_its_documents(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(WHOLE)
    with pytest.raises(InvalidInputError) as caught:
        check_named(load(path), path)
    assert list(caught.value.details) == [str(tmp_path / "vex" / "*.json")]


def test_documents_from_below_need_a_delegation_without_an_end() -> None:
    assert may_accept(Delegate(frozenset({"IF200"})), DAY) is None
    assert "not delegated" in str(may_accept(Delegate(), DAY))
    assert "no end" in str(may_accept(Delegate(frozenset({"IF200"}), max_days=9), DAY))
