"""What fails, what is excused, and at whose word."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import madescan as made
import pytest

from imgforge.checks import gate_holds
from imgforge.checks.vulnerabilities import findings
from imgforge.policy import Policy
from imgforge.policy.vulnerabilities import Accepted, Vulnerabilities
from imgforge.vulnerabilities.judging import judge
from imgforge.vulnerabilities.scanned import Knowledge, Scanned
from imgforge.vulnerabilities.vulnerability import Statement, Vulnerability

DAY = dt.date(2026, 7, 1)


def one(**changes: Any) -> Vulnerability:  # noqa: ANN401 - any field
    fields: dict[str, Any] = {
        "id": "CVE-2026-1",
        "aliases": ("GHSA-a",),
        "component": made.component(),
        "summary": "",
        "level": "high",
        "rated": "CVSS_V3",
        "score": 7.5,
        "vector": "",
        "fixed": "2.32.0",
        "published": "2026-06-20",
        "url": "",
        "source": "imgforge",
    }
    return Vulnerability(**{**fields, **changes})


def policy(**bounds: Any) -> Policy:  # noqa: ANN401 - any field
    return Policy(day=DAY, vulnerabilities=Vulnerabilities(**bounds))


def said(status: str) -> Statement:
    return Statement("v.json", 3, status, "because", "vendor", "")  # type: ignore[arg-type]


def accepted(**changes: Any) -> Accepted:  # noqa: ANN401 - any field
    fields: dict[str, Any] = {
        "id": "GHSA-a",
        "package": "*",
        "reason": "no",
        "owner": "web",
        "expires": DAY,
    }
    return Accepted(**{**fields, **changes})


OPEN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"level": "medium"}, {"fail_on": "medium"}),
    ({"level": "critical"}, {"fail_on": "critical"}),
    ({"fixed": ""}, {}),
    ({}, {"only_fixed": True}),
    ({}, {"grace": {"high": 10}}),
    ({}, {"grace": {"critical": 90}}),
    ({"published": ""}, {"grace": {"high": 90}}),
    ({"exploited": True, "fixed": ""}, {"only_fixed": True}),
    ({"exploited": True, "level": "info"}, {"grace": {"info": 900}}),
    ({"exploited": True, "level": "info"}, {"fail_on": "critical"}),
    ({"level": "low", "probability": 0.5}, {"probability": 0.5}),
    ({"malicious": True, "level": "info"}, {"only_fixed": True}),
    ({"malicious": True, "statement": said("not_affected")}, {}),
    ({"statement": said("affected")}, {}),
    ({"statement": said("under_investigation")}, {}),
    ({}, {"ignore": (accepted(expires=DAY - dt.timedelta(1)),)}),
    ({}, {"ignore": (accepted(id="CVE-2026-2"),)}),
    ({}, {"ignore": (accepted(package="pkg:pypi/flask*"),)}),
]
EXCUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"fixed": ""}, {"only_fixed": True}, "nobody has mended it yet"),
    ({}, {"grace": {"high": 11}}, "published 2026-06-20, 11 days of grace for high"),
    ({"statement": said("not_affected")}, {}, "VEX not_affected: because"),
    ({"statement": said("fixed"), "exploited": True}, {}, "VEX fixed: because"),
    ({"malicious": True}, {"ignore": (accepted(),)}, "no"),
    ({"exploited": True}, {"ignore": (accepted(package="pkg:pypi/requests@*"),)}, "no"),
    ({"exploited": True, "fixed": ""}, {"exploited": False, "only_fixed": True}, "nobody"),
]


@pytest.mark.parametrize(("fields", "bounds"), OPEN)
def test_it_fails(fields: dict[str, Any], bounds: dict[str, Any]) -> None:
    held, found = policy(**bounds), one(**fields)
    (verdict,) = judge([found], held)
    assert verdict.fails
    assert verdict.excuse is None
    assert not gate_holds(findings(Scanned(made.inventory(), (found,)), held), held)


@pytest.mark.parametrize(("fields", "bounds", "reason"), EXCUSED)
def test_it_is_excused_and_shown(
    fields: dict[str, Any], bounds: dict[str, Any], reason: str
) -> None:
    held, found = policy(**bounds), one(**fields)
    (verdict,) = judge([found], held)
    assert not verdict.fails
    assert verdict.excuse is not None
    assert verdict.excuse.reason.startswith(reason)
    listed = findings(Scanned(made.inventory(), (found,)), held)
    assert [f.ignored.startswith(reason) for f in listed if f.ignored] == [True]
    assert gate_holds(listed, held)


def test_what_is_below_the_level_neither_fails_nor_is_excused() -> None:
    (verdict,) = judge([one(level="medium")], policy())
    assert (verdict.fails, verdict.excuse) == (False, None)


def test_the_level_of_vulnerabilities_is_apart_from_the_others() -> None:
    found = Scanned(made.inventory(), (one(),))
    assert gate_holds(findings(found, policy(fail_on="critical")), policy(fail_on="critical"))
    strict = dataclasses.replace(policy(fail_on="critical"), fail_on="low")
    assert gate_holds(findings(found, strict), strict)


def test_an_excuse_by_vex_says_where_it_stands() -> None:
    (finding,) = findings(Scanned(made.inventory(), (one(statement=said("fixed")),)), policy())
    assert finding.vex == "v.json statement 3"
    assert finding.to_json()["vex"] == finding.vex


def test_a_finding_says_what_where_and_what_mends_it() -> None:
    (finding,) = findings(Scanned(made.inventory(), (one(),)), policy())
    assert finding.message == (
        "CVE-2026-1 (high, CVSS 7.5): requests 2.31.0 of the application; "
        "raise requests in requirements.txt:1 to >= 2.32.0"
    )
    assert (finding.path, finding.layer) == ("app/requests/METADATA", made.APP)
    assert finding.key == "CVE-2026-1 pkg:pypi/requests@2.31.0"
    base = made.component("pkg:deb/debian/openssl@3.0.1", part="base", declared="")
    (finding,) = findings(
        Scanned(made.inventory(), (one(component=base, fixed="3.0.2"),)), policy()
    )
    assert "of the base; imgforge lock --upgrade (openssl 3.0.2)" in finding.message


@pytest.mark.parametrize(
    ("fields", "check"),
    [({}, "IF200"), ({"exploited": True}, "IF201"), ({"malicious": True}, "IF204")],
)
def test_each_kind_has_its_rule(fields: dict[str, Any], check: str) -> None:
    assert [f.check for f in findings(Scanned(made.inventory(), (one(**fields),)), policy())] == [
        check
    ]


def test_a_lapsed_or_useless_acceptance_is_told() -> None:
    late = accepted(expires=DAY - dt.timedelta(1))
    held = policy(ignore=(late, accepted(id="CVE-2026-9")))
    listed = findings(Scanned(made.inventory(), ()), held)
    assert [(f.check, f.message) for f in listed] == [
        ("IF205", "GHSA-a was accepted until 2026-06-30; ask web"),
        ("IF206", "the acceptance of CVE-2026-9 accepts nothing"),
    ]
    assert not gate_holds(listed, held)


def test_an_old_database_is_told() -> None:
    held = policy(max_age=7)
    old = Scanned(made.inventory(), (), knowledge=Knowledge("x", DAY - dt.timedelta(8)))
    fresh = Scanned(made.inventory(), (), knowledge=Knowledge("x", DAY - dt.timedelta(7)))
    assert [f.check for f in findings(old, held)] == ["IF202"]
    assert findings(fresh, held) == []
