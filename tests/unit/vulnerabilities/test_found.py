"""Advisories that speak of one fault become one vulnerability, rated and named by rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import madescan as made
import pytest

from imgforge.advisories.advisory import Advisory, Match, Severity
from imgforge.advisories.database import open_database
from imgforge.vulnerabilities.found import Found, found, vulnerabilities
from imgforge.vulnerabilities.remembered import Remembered

HIGH, LOW = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "low"


class Nothing:
    """A database that knows of exploitation alone."""

    def match(self, components: object, system: object) -> tuple[list[Match], list[object]]:
        raise NotImplementedError

    def exploited(self, cves: object) -> set[str]:
        return {"CVE-2024-1"} & set(cves)  # type: ignore[call-overload,no-any-return]

    def probabilities(self, cves: object) -> dict[str, float]:
        return {"CVE-2024-1": 0.4} if "CVE-2024-1" in set(cves) else {}  # type: ignore[call-overload]


def hit(name: str, *aliases: str, ecosystem: str = "PyPI", fixed: str = "", **other: str) -> Match:
    severities = tuple(
        Severity(kind, value) for kind, value in other.items() if kind != "published"
    )
    published = other.get("published", "")
    advisory = Advisory(name, ecosystem, aliases, "", severities, published, "", f"u/{name}")
    return Match(made.component(), advisory, fixed, severities)


def merged(*matches: Match) -> list[tuple[str, tuple[str, ...]]]:
    return [(v.id, v.aliases) for v in vulnerabilities(matches, Nothing())]  # type: ignore[arg-type]


def test_all_names_of_a_fault_are_one_and_the_cve_is_its_name() -> None:
    matches = (hit("PYSEC-1", "GHSA-a"), hit("GHSA-a", "CVE-2024-1"), hit("CVE-2024-1"))
    assert merged(*matches) == [("CVE-2024-1", ("GHSA-a", "PYSEC-1"))]


def test_faults_that_share_no_name_stay_apart() -> None:
    assert len(merged(hit("PYSEC-1", "CVE-2024-1"), hit("PYSEC-2", "CVE-2024-2"))) == 2


def test_what_bundles_several_cves_joins_nothing() -> None:
    bundle = hit("DSA-1", "CVE-2024-1", "CVE-2024-2", ecosystem="Debian:12")
    first, second = hit("CVE-2024-1"), hit("CVE-2024-2")
    assert merged(bundle, first, second) == [("CVE-2024-1", ()), ("CVE-2024-2", ())]
    assert ("DSA-1", ("CVE-2024-1", "CVE-2024-2")) in merged(bundle, first)
    assert merged(bundle) == [("DSA-1", ("CVE-2024-1", "CVE-2024-2"))]


def test_the_distributions_word_goes_before_a_score() -> None:
    matches = (
        hit("CVE-2024-1", CVSS_V3=HIGH, fixed="9"),
        hit("DEBIAN-1", "CVE-2024-1", ecosystem="Debian:12", Debian=LOW, fixed="1.2"),
    )
    (one,) = vulnerabilities(matches, Nothing())  # type: ignore[arg-type]
    assert (one.level, one.rated, one.score, one.fixed) == ("low", "Debian", 9.8, "1.2")
    assert one.url == "u/DEBIAN-1"
    assert one.exploited
    assert one.probability == 0.4


def test_what_nobody_rated_is_the_worst_and_says_so() -> None:
    (one,) = vulnerabilities([hit("GHSA-a")], Nothing())  # type: ignore[arg-type]
    assert (one.level, one.rated, one.score) == ("critical", "", 0.0)


def test_the_first_day_of_any_name_counts_and_nonsense_is_none() -> None:
    matches = (
        hit("GHSA-a", "CVE-2024-1", published="2024-05-20T00:00:00Z"),
        hit("CVE-2024-1", published="2024-05-01T00:00:00Z"),
        hit("PYSEC-1", "CVE-2024-1", published="long ago"),
    )
    assert vulnerabilities(matches, Nothing())[0].published == "2024-05-01"  # type: ignore[arg-type]


@pytest.mark.parametrize("kept", [False, True])
def test_an_inventory_is_asked_about_as_a_whole(tmp_path: Path, *, kept: bool) -> None:
    other = made.component("pkg:pypi/flask@3.0.0")
    gem = made.component("pkg:gem/rails@7.0.0")
    with open_database(made.database(tmp_path)) as database:
        inventory, remembered = made.inventory(made.component(), other, gem), Remembered(database)
        for _ in range(2):
            known = remembered.found(inventory) if kept else found(inventory, database)
    assert [v.id for v in known.vulnerabilities] == ["CVE-2024-35195"]
    assert [u.component for u in known.unmatched] == [gem]


def test_an_answer_that_is_kept_is_about_the_component_that_is_asked_about(tmp_path: Path) -> None:
    here, there = made.component(paths=("a",)), made.component(paths=("b",))
    with open_database(made.database(tmp_path)) as database:
        remembered = Remembered(database)
        known = [remembered.found(made.inventory(*each)) for each in ([here], [there, here])]
    places = [[v.component.package.paths for v in each.vulnerabilities] for each in known]
    assert [sorted(each) for each in places] == [[("a",)], [("a",), ("b",)]]


SHIPPED = "pkg:pypi/requests@2.28.1"
OWNER = "pkg:deb/debian/python3-requests@2.28.1%2Bdfsg-1?distro=debian-12"


def shipped(*advisories: dict[str, Any], tmp_path: Path, **owner: str) -> Found:
    """Ask about Debian's requests, of which PyPI says that it is vulnerable below 2.32.0."""
    component = made.component(SHIPPED, owner="deb:python3-requests")
    debian = made.component(OWNER, **{"version": "2.28.1+dfsg-1", "source": "requests", **owner})
    with open_database(made.database(tmp_path, made.advisory(), *advisories)) as database:
        inventory, remembered = made.inventory(component, debian), Remembered(database)
        answers = [remembered.found(inventory), remembered.found(inventory)]
        assert [*answers, found(inventory, database)] == [answers[0]] * 3
    return answers[0]


def of_debian(fixed: str, name: str = "CVE-2024-35195") -> dict[str, Any]:
    return made.advisory(
        f"DEBIAN-{name}", package="requests", ecosystem="Debian:12", fixed=fixed, aliases=[name]
    )


def test_what_a_distribution_mended_is_left_to_its_word(tmp_path: Path) -> None:
    known = shipped(of_debian("2.28.1+dfsg-1"), tmp_path=tmp_path)
    assert known.vulnerabilities == ()
    (left,) = known.left
    assert (left.vulnerability.id, left.owner.package.purl) == ("CVE-2024-35195", OWNER)


def test_what_a_distribution_did_not_mend_is_told_once(tmp_path: Path) -> None:
    known = shipped(of_debian(""), tmp_path=tmp_path)
    assert [v.component.package.ecosystem for v in known.vulnerabilities] == ["deb"]
    assert len(known.left) == 1


def test_what_a_distribution_says_nothing_of_stays(tmp_path: Path) -> None:
    known = shipped(of_debian("1", "CVE-2023-1"), tmp_path=tmp_path)
    assert [v.component.package.ecosystem for v in known.vulnerabilities] == ["pypi"]
    assert known.left == ()


def test_an_owner_that_cannot_be_judged_answers_for_nothing(tmp_path: Path) -> None:
    known = shipped(of_debian("2.28.1+dfsg-1"), tmp_path=tmp_path, version="!")
    assert [v.component.package.ecosystem for v in known.vulnerabilities] == ["pypi"]


def test_an_owner_that_is_not_listed_answers_for_nothing(tmp_path: Path) -> None:
    component = made.component(SHIPPED, owner="deb:python3-requests")
    with open_database(made.database(tmp_path, made.advisory(), of_debian("1"))) as database:
        known = found(made.inventory(component), database)
    assert [v.component for v in known.vulnerabilities] == [component]


def test_malware_is_nobodys_word(tmp_path: Path) -> None:
    malware = made.advisory("MAL-2024-1", fixed="", aliases=["CVE-2024-35195"])
    known = shipped(malware, of_debian("2.28.1+dfsg-1"), tmp_path=tmp_path)
    assert [v.malicious for v in known.vulnerabilities] == [True]
