from __future__ import annotations

from pathlib import Path

import pytest
from madeadvisories import VECTOR, advisory, before, bring, component, database, source

from imgforge.advisories.advisory import Severity
from imgforge.advisories.database import open_database, place
from imgforge.errors import InvalidInputError
from imgforge.inventory import System

DEBIAN = System("debian", "12")


def test_a_hit_names_the_advisory_and_what_mends_it(tmp_path: Path) -> None:
    document = advisory(
        "PYSEC-1",
        "web",
        {"introduced": "1.0"},
        {"fixed": "1.5"},
        {"introduced": "2.0"},
        {"fixed": "2.3"},
        aliases=["CVE-2026-1", "GHSA-x"],
        severity=[{"type": "CVSS_V3", "score": VECTOR}],
    )
    with database(tmp_path, document) as db:
        matches, unmatched = db.match([component("pypi", "Web", "2.1")], None)
    (match,) = matches
    assert unmatched == []
    assert match.fixed == "2.3"
    assert match.advisory.id == "PYSEC-1"
    assert match.advisory.ecosystem == "PyPI"
    assert match.advisory.cves == ("CVE-2026-1",)
    assert match.severities == (Severity("CVSS_V3", VECTOR),)


@pytest.mark.parametrize(
    ("version", "hit"),
    [("0.9", False), ("1.0", True), ("1.4.9", True), ("1.5", False), ("1.5rc1", True)],
)
def test_bounds_count_as_the_schema_says(tmp_path: Path, version: str, hit: bool) -> None:  # noqa: FBT001
    document = advisory("T-1", "web", {"introduced": "1.0"}, {"fixed": "1.5"})
    with database(tmp_path, document) as db:
        assert bool(db.match([component("pypi", "web", version)], None)[0]) is hit


def test_listed_versions_hit_by_value_not_by_spelling(tmp_path: Path) -> None:
    with database(tmp_path, advisory("T-1", "web", versions=["1.0", "weird"])) as db:
        hits, _ = db.match([component("pypi", "web", "1.0.0")], None)
        odd, said = db.match([component("pypi", "web", "weird")], None)
        none, _ = db.match([component("pypi", "web", "1.0.1")], None)
    assert (len(hits), len(odd), said, none) == (1, 1, [], [])


def test_a_version_that_is_none_is_not_passed_over(tmp_path: Path) -> None:
    documents = [advisory(f"T-{n}", "web", *before("2")) for n in range(5)]
    with database(tmp_path, *documents) as db:
        matches, (unmatched,) = db.match([component("pypi", "web", "zzz")], None)
    assert matches == []
    assert unmatched.reason == (
        "its version 'zzz' is no version by the rules of pypi: "
        "it may be hit by T-0, T-1, T-2 and 2 more"
    )


def test_an_advisory_that_cannot_be_compared_is_not_passed_over(tmp_path: Path) -> None:
    with database(tmp_path, advisory("T-1", "web", *before("x y"))) as db:
        matches, (unmatched,) = db.match([component("pypi", "web", "1")], None)
    assert matches == []
    assert unmatched.reason.endswith("it may be hit by T-1")


def test_what_the_database_has_nothing_about_is_not_passed_over(tmp_path: Path) -> None:
    with database(tmp_path, advisory("T-1", "web", *before("2"))) as db:
        _, unmatched = db.match(
            [component("npm", "web", "1"), component("deb", "zlib1g", "1")], DEBIAN
        )
    assert [each.reason for each in unmatched] == [
        "the database has no advisories of npm",
        "the database has no advisories of Debian:12",
    ]


def test_a_release_is_judged_by_its_own_advisories(tmp_path: Path) -> None:
    documents = [
        advisory("D-1", "zlib", *before("1:1.3-1"), ecosystem="Debian:13"),
        advisory("D-2", "zlib", *before("1:1.2-5"), ecosystem="Debian:12"),
    ]
    deb = component("deb", "zlib1g", "1:1.2-4", source="zlib")
    with database(tmp_path, *documents) as db:
        (match,), _ = db.match([deb], DEBIAN)
    assert (match.advisory.id, match.fixed) == ("D-2", "1:1.2-5")


def test_withdrawn_advisories_never_hit(tmp_path: Path) -> None:
    gone = advisory("T-1", "web", *before("2"), withdrawn="2026-01-03T00:00:00Z")
    kept = advisory("T-2", "web", *before("2"))
    with database(tmp_path, gone, kept) as db:
        matches, _ = db.match([component("pypi", "web", "1")], None)
    assert [match.advisory.id for match in matches] == ["T-2"]


def test_of_one_id_from_two_sources_the_newest_counts(tmp_path: Path) -> None:
    path = tmp_path / "made.sqlite"
    older = advisory("T-1", "web", *before("2"))
    newer = advisory("T-1", "web", *before("1"), modified="2026-02-01T00:00:00Z")
    bring(path, source(tmp_path / "a.zip", newer), name="a")
    bring(path, source(tmp_path / "b.zip", older), name="b")
    with open_database(path) as db:
        assert db.match([component("pypi", "web", "1.5")], None) == ([], [])
        assert len(db.match([component("pypi", "web", "0.5")], None)[0]) == 1


def test_the_packages_own_severity_counts_before_the_advisorys(tmp_path: Path) -> None:
    document = advisory(
        "DEBIAN-1", "zlib", *before("2"), ecosystem="Debian:12",
        severity=[{"type": "CVSS_V3", "score": VECTOR}],
    )  # fmt: skip
    document["affected"][0]["ecosystem_specific"] = {"urgency": "unimportant"}
    with database(tmp_path, document) as db:
        (match,), _ = db.match([component("deb", "zlib", "1")], DEBIAN)
    assert match.severities == (Severity("Debian", "unimportant"),)


def test_an_unassigned_urgency_does_not_hide_the_vector(tmp_path: Path) -> None:
    document = advisory(
        "DEBIAN-1", "zlib", *before("2"), ecosystem="Debian:12",
        severity=[{"type": "CVSS_V3", "score": VECTOR}],
    )  # fmt: skip
    document["affected"][0]["ecosystem_specific"] = {"urgency": "not yet assigned"}
    with database(tmp_path, document) as db:
        (match,), _ = db.match([component("deb", "zlib", "1")], DEBIAN)
    assert Severity("CVSS_V3", VECTOR) in match.severities


def test_who_does_not_rate_is_rated_by_an_alias(tmp_path: Path) -> None:
    documents = [
        advisory("GO-1", "example.com/m", *before("2"), ecosystem="Go", aliases=["GHSA-1"]),
        advisory("GHSA-1", "other", *before("2"), database_specific={"severity": "HIGH"}),
    ]
    with database(tmp_path, *documents) as db:
        (match,), _ = db.match([component("golang", "m", "v1.0.0", "example.com")], None)
    assert match.severities == (Severity("GHSA", "HIGH"),)


def test_malware_is_marked(tmp_path: Path) -> None:
    with database(tmp_path, advisory("MAL-2026-1", "evil", {"introduced": "0"})) as db:
        (match,), _ = db.match([component("pypi", "evil", "9")], None)
    assert match.advisory.malicious
    assert match.fixed == ""


def test_last_affected_names_no_cure(tmp_path: Path) -> None:
    document = advisory("T-1", "web", {"introduced": "0"}, {"last_affected": "2"})
    with database(tmp_path, document) as db:
        (match,), _ = db.match([component("pypi", "web", "2")], None)
    assert match.fixed == ""


def test_matches_are_in_the_order_of_components_and_ids(tmp_path: Path) -> None:
    documents = [advisory(f"T-{n}", "web", *before("2")) for n in (3, 1, 2)]
    with database(tmp_path, *documents) as db:
        found = [component("pypi", "web", "1"), component("pypi", "web", "1.1")]
        matches, _ = db.match(found, None)
    assert [(m.component.package.version, m.advisory.id) for m in matches] == [
        (version, f"T-{n}") for version in ("1", "1.1") for n in (1, 2, 3)
    ]


def test_the_status_says_what_there_is(tmp_path: Path) -> None:
    gone = advisory("T-2", "web", *before("2"), withdrawn="2026-01-03T00:00:00Z")
    with database(tmp_path, advisory("T-1", "web", *before("2")), gone) as db:
        status = db.status()
    assert status.ecosystems == {"PyPI": (1, "2026-01-02T00:00:00Z")}
    assert status.imported == {"made": "2026-06-01"}
    assert (status.malformed, status.kev, status.epss) == (0, "", "")
    assert status.size == status.path.stat().st_size


def test_where_the_database_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "cache"))
    assert place() == tmp_path / "cache/advisories/advisories.sqlite"
    monkeypatch.setenv("IMGFORGE_DB", str(tmp_path / "other"))
    assert place() == tmp_path / "other"
    assert place(tmp_path / "named") == tmp_path / "named"
    with pytest.raises(InvalidInputError) as caught:
        open_database()
    assert "imgforge db import" in (caught.value.hint or "")


def test_an_archive_of_no_known_group_is_told_with_what_may_hit_it(tmp_path: Path) -> None:
    documents = [
        advisory("T-1", "org.a:web", *before("2"), ecosystem="Maven"),
        advisory("T-2", "org.b:web", *before("1"), ecosystem="Maven"),
        advisory("T-3", "org.c:other", *before("2"), ecosystem="Maven"),
    ]
    jars = [component("generic", name, "1.5") for name in ("web", "lone")]
    jars = [c._replace(package=c.package._replace(paths=("app/x.jar",))) for c in jars]
    with database(tmp_path, *documents) as db:
        hits, unmatched = db.match([*jars, component("generic", "web", "1.5")], None)
    assert hits == []
    assert [each.reason for each in unmatched] == [
        "its Maven group is not known; as org.a:web it may be hit by T-1",
        "its Maven group is not known",
        "no advisories are kept for packages of its kind (generic)",
    ]


def test_rows_that_were_given_up_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgforge.advisories.database._KEPT", 1)
    documents = [advisory(f"T-{name}", name, *before("2")) for name in ("web", "shop")]
    asked = [component("pypi", name, "1") for name in ("web", "shop", "web")]
    with database(tmp_path, *documents) as db:
        matches, _ = db.match(asked, None)
    assert [match.advisory.id for match in matches] == ["T-web", "T-shop", "T-web"]
