from __future__ import annotations

from typing import Any

import pytest
from madeadvisories import advisory, before

from imgforge.advisories import osv
from imgforge.advisories.advisory import Severity


def ranges(*events: dict[str, str], ecosystem: str = "PyPI", **more: Any) -> str:  # noqa: ANN401
    (affected,) = osv.read(advisory("T-1", "web", *events, ecosystem=ecosystem, **more)).affected
    return affected.ranges


def test_an_advisory_is_read_as_far_as_it_is_needed() -> None:
    read = osv.read(
        advisory(
            "GHSA-1",
            "Zope_Web",
            *before("2.0"),
            aliases=["CVE-2026-1", "CVE-2026-1"],
            severity=[{"type": "CVSS_V3", "score": "CVSS:3.1/x"}],
            database_specific={"severity": "HIGH"},
            references=[
                {"type": "FIX", "url": "https://example.com/fix"},
                {"type": "ADVISORY", "url": "https://example.com/a"},
            ],
            details="long",
        )
    )
    assert read.id == "GHSA-1"
    assert read.aliases == ("CVE-2026-1",)
    assert read.severities == (Severity("CVSS_V3", "CVSS:3.1/x"), Severity("GHSA", "HIGH"))
    assert read.url == "https://example.com/a"
    (affected,) = read.affected
    assert affected.package == "zope-web"
    assert affected.ranges == "\t<\t2.0"


def test_times_are_kept_in_utc_to_the_second() -> None:
    document = advisory(modified="2026-01-02T03:04:05.678901+02:00")
    assert osv.read(document).modified == "2026-01-02T01:04:05Z"


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([{"introduced": "0"}], "\t\t"),
        ([{"fixed": "2"}, {"introduced": "1"}], "1\t<\t2"),
        ([{"introduced": "0"}, {"last_affected": "2"}], "\t<=\t2"),
        (
            [{"introduced": "3"}, {"fixed": "4"}, {"introduced": "0"}, {"fixed": "2"}],
            "\t<\t2\n3\t<\t4",
        ),
        ([{"introduced": "0"}, {"fixed": "1"}, {"fixed": "2"}], "\t<\t1"),
        ([{"last_affected": "1"}, {"introduced": "1"}], "1\t<=\t1"),
        ([{"introduced": "1"}, {"fixed": "1"}], "1\t<\t1"),
        (
            [{"introduced": "0"}, {"introduced": "1"}, {"fixed": "1"}, {"fixed": "2"}],
            "\t<\t1\n1\t<\t2",
        ),
        ([{"introduced": "0"}, {"limit": "2"}], "\t!\t2"),
        ([{"introduced": "0"}, {"fixed": "1"}, {"limit": "2"}], "\t<\t1"),
        ([{"introduced": "3"}, {"limit": "2"}], ""),
        ([{"introduced": "0"}, {"limit": "*"}], "\t\t"),
    ],
)
def test_events_in_any_order_become_intervals(events: list[dict[str, str]], expected: str) -> None:
    document = advisory("T-1", "web", *events, versions=["x"])
    (affected,) = osv.read(document).affected
    assert affected.ranges == expected


def test_versions_that_ranges_cover_are_not_kept() -> None:
    document = advisory(
        "T-1", "web", *before("2.0"), versions=["1.0", "1.1", "2.0", "3.0.0", "odd!"]
    )
    (affected,) = osv.read(document).affected
    assert affected.versions.split("\n") == ["2.0", "3.0.0", "odd!"]


def test_git_ranges_and_packages_without_any_are_left_out() -> None:
    document = advisory()
    document["affected"] = [
        {"ranges": [{"type": "GIT", "repo": "x", "events": [{"introduced": "0"}]}]},
        {
            "package": {"ecosystem": "PyPI", "name": "web"},
            "ranges": [{"type": "GIT", "repo": "x", "events": [{"introduced": "0"}]}],
        },
    ]
    assert osv.read(document).affected == ()


def test_a_range_whose_versions_are_none_says_why() -> None:
    (affected,) = osv.read(advisory("T-1", "web", *before("not a version"))).affected
    assert affected.ranges == ""
    assert affected.unread == "'not a version' is no version by the rules of pypi"


def test_an_ecosystem_whose_order_nobody_knows_says_so() -> None:
    (affected,) = osv.read(advisory("T-1", "x", *before("2"), ecosystem="Android")).affected
    assert affected.unread == "nobody here knows how Android orders versions"


def test_a_distributions_urgency_is_kept_beside_its_package() -> None:
    document = advisory("DEBIAN-1", "web", *before("2"), ecosystem="Debian:12")
    document["affected"][0]["ecosystem_specific"] = {"urgency": "unimportant"}
    (affected,) = osv.read(document).affected
    assert affected.severities == (Severity("Debian", "unimportant"),)


def test_aliases_are_cleaned_of_slips() -> None:
    document = advisory(aliases=["GHSA-a,", "CVE-1"], upstream=["CVE-2"])
    assert osv.read(document).aliases == ("CVE-1", "CVE-2", "GHSA-a")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": ""}, "its id is"),
        ({"id": "a b"}, "its id is"),
        ({"id": "../../etc"}, "its id is"),
        ({"id": 7}, "its id is"),
        ({"schema_version": "2.0.0"}, "schema's version"),
        ({"modified": None}, "no time"),
        ({"modified": "2026-13-01T00:00:00Z"}, "no time"),
        ({"modified": "2026-01-01"}, "no time"),
        ({"modified": "2026-01-01T00:00:00"}, "no time"),
        ({"modified": "2999-01-01T00:00:00Z"}, "not come yet"),
        ({"withdrawn": "2999-01-01T00:00:00Z"}, "not come yet"),
        ({"aliases": "CVE-1"}, "no list"),
        ({"aliases": [7]}, "no text"),
        ({"severity": [{"type": "CVSS_V3"}]}, "no score"),
        ({"affected": [7]}, "no object"),
        ({"affected": [{"package": {"ecosystem": "PyPI"}}]}, "no name"),
        ({"summary": 7}, "no text"),
    ],
)
def test_a_malformed_advisory_says_what_is_wrong(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        osv.read({**advisory(), **change}, "2026-06-01T00:00:00Z")


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([{"fixed": "2"}], "no introduced"),
        ([{"introduced": "0"}, {}], "not just one"),
        ([{"introduced": "0", "fixed": "1"}], "not just one"),
        ([{"introduced": "0"}, {"fixed": 2}], "no text"),
        ([{"introduced": "0"}, {"fixed": ""}], "no version"),
        ([{"introduced": "0"}, {"fixed": "1\t2"}], "no version"),
        ([7], "no object"),
    ],
)
def test_malformed_events_say_what_is_wrong(events: list[Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        osv.read(advisory("T-1", "web", *events))


def test_a_range_of_an_unknown_type_is_malformed() -> None:
    document = advisory("T-1", "web", *before("2"))
    document["affected"][0]["ranges"][0]["type"] = "MAGIC"
    with pytest.raises(ValueError, match="MAGIC"):
        osv.read(document)
