"""VEX statements: how documents are read, which statement counts, and which never do."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import madescan as made
import pytest

from imgforge.errors import EvidenceError, InvalidInputError
from imgforge.policy.vulnerabilities import Vex
from imgforge.sbom.purls import covers
from imgforge.vulnerabilities import vex
from imgforge.vulnerabilities.vex.applied import Applied, Subject, apply
from imgforge.vulnerabilities.vulnerability import Vulnerability

DAY = dt.date(2026, 7, 1)
SUBJECT = Subject("registry.example.com/acme/web", (made.DIGEST,))
NAMED = "CVE-2026-1"


def openvex(*statements: dict[str, Any], **fields: Any) -> bytes:  # noqa: ANN401 - JSON
    usual = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "author": "vendor",
        "timestamp": "2026-06-01T00:00:00Z",
        "statements": list(statements),
    }
    return json.dumps({**usual, **fields}).encode()


def statement(product: object = None, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    usual: dict[str, Any] = {
        "vulnerability": {"name": NAMED},
        "products": [{"@id": "pkg:pypi/requests"} if product is None else product],
        "status": "not_affected",
        "justification": "vulnerable_code_not_present",
    }
    return {**usual, **fields}


def found() -> Vulnerability:
    return Vulnerability(
        NAMED,
        ("GHSA-a",),
        made.component(),
        *("", "high", "CVSS_V3", 7.5, "", "", "", "", "imgforge"),
    )


def applied(*documents: bytes) -> tuple[str, tuple[Applied, ...]]:
    """Return the status that counts for the one vulnerability, and what matched."""
    read = [vex.read(data, f"{n}.json") for n, data in enumerate(documents)]
    (one,), told = apply([found()], read, made.inventory(), SUBJECT, DAY)
    return ("" if one.statement is None else one.statement.status), told


@pytest.mark.parametrize(
    "product",
    [
        {"@id": "pkg:pypi/requests"},
        {"@id": "pkg:pypi/requests@2.31.0"},
        {"@id": "x", "identifiers": {"purl": "pkg:pypi/requests"}},
        {"@id": made.DIGEST},
        {"@id": "image", "hashes": {"sha-256": "a" * 64}},
        {"@id": f"pkg:oci/web@sha256%3A{'a' * 64}"},
        {"@id": "pkg:oci/web"},
        {"@id": "pkg:oci/web?repository_url=registry.example.com/acme/web"},
        {"@id": "pkg:oci/web?repository_url=registry.example.com/acme"},
        {"@id": made.DIGEST, "subcomponents": [{"@id": "pkg:pypi/requests"}]},
        {"@id": "pkg:pypi/requests", "subcomponents": [{"@id": "pkg:pypi/requests@2.31.0"}]},
    ],
)
def test_a_statement_is_about_the_package_or_its_image(product: dict[str, Any]) -> None:
    status, (told,) = applied(openvex(statement(product)))
    assert status == "not_affected"
    assert told.matched == (1,)


@pytest.mark.parametrize(
    "product",
    [
        {"@id": "pkg:pypi/requests@2.30.0"},
        {"@id": "pkg:pypi/request"},
        {"@id": "pkg:npm/requests"},
        {"@id": "*"},
        {"@id": "pkg:pypi/*"},
        {"@id": "requests"},
        {"@id": "sha256:" + "f" * 64},
        {"@id": f"pkg:oci/web@sha256%3A{'f' * 64}"},
        {"@id": "pkg:oci/other"},
        {"@id": "pkg:oci/web?repository_url=evil.example.com/acme/web"},
        {"@id": made.DIGEST, "subcomponents": [{"@id": "pkg:pypi/flask"}]},
        {"@id": "pkg:generic/app", "subcomponents": [{"@id": "pkg:pypi/requests"}]},
        {"@id": "pkg:pypi/requests?os=windows"},
    ],
)
def test_a_statement_about_something_else_matches_nothing(product: dict[str, Any]) -> None:
    status, (told,) = applied(openvex(statement(product)))
    assert (status, told.matched) == ("", ())


def test_the_newest_statement_counts_wherever_it_stands() -> None:
    old = statement(timestamp="2026-01-01T00:00:00Z")
    new = statement(status="affected", timestamp="2026-02-01T00:00:00+02:00")
    assert applied(openvex(new, old))[0] == "affected"
    assert applied(openvex(new), openvex(old))[0] == "affected"
    assert applied(openvex(old), openvex(new))[0] == "affected"


def test_of_one_moment_the_worse_counts() -> None:
    both = (statement(), statement(status="under_investigation"))
    assert applied(openvex(*both))[0] == "under_investigation"
    assert applied(openvex(*reversed(both)))[0] == "under_investigation"


def test_another_name_of_the_fault_is_the_fault() -> None:
    assert applied(openvex(statement(vulnerability={"name": "ghsa-A"})))[0] == "not_affected"
    aliased = {"name": "X-1", "aliases": [NAMED]}
    assert applied(openvex(statement(vulnerability=aliased)))[0] == "not_affected"


def test_what_is_dated_later_than_tomorrow_does_not_count() -> None:
    status, (told,) = applied(openvex(statement(timestamp="2026-07-03T00:00:00Z")))
    assert (status, told.late, told.matched) == ("", (1,), ())
    assert applied(openvex(statement(timestamp="2026-07-02T00:00:00Z")))[0] == "not_affected"


@pytest.mark.parametrize(
    "bad",
    [
        statement(justification=None),
        statement(justification="we think so"),
        statement(status="fine"),
        statement(products=[]),
        statement(products="pkg:pypi/requests"),
        statement(vulnerability={}),
        statement(timestamp="yesterday"),
        statement({}),
        statement({"@id": "x", "subcomponents": 3}),
        "not affected",
    ],
)
def test_a_statement_that_is_none_does_not_count_and_is_told(bad: dict[str, Any]) -> None:
    status, (told,) = applied(openvex(bad, statement(status="affected")))
    assert status == "affected"
    assert told.matched == (2,)
    assert len(told.document.refused) == 1
    assert told.document.refused[0].startswith("statement 1: ")


def cyclonedx(analysis: dict[str, Any], ref: str, **affects: Any) -> bytes:  # noqa: ANN401 - JSON
    return json.dumps(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "metadata": {"timestamp": "2026-06-01T00:00:00Z"},
            "components": [
                {"bom-ref": "a", "components": [{"bom-ref": "b", "purl": made.REQUESTS}]}
            ],
            "vulnerabilities": [
                {"id": "CVE-0-0"},
                {"id": NAMED, "analysis": analysis, "affects": [{"ref": ref, **affects}]},
            ],
        }
    ).encode()


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("resolved", "fixed"),
        ("resolved_with_pedigree", "fixed"),
        ("exploitable", "affected"),
        ("in_triage", "under_investigation"),
        ("false_positive", "not_affected"),
    ],
)
@pytest.mark.parametrize(
    "ref",
    ["b", made.REQUESTS, "pkg:pypi/requests", "urn:cdx:0/1#b", "urn:cdx:0/1#pkg%3Apypi/requests"],
)
def test_an_analysis_of_cyclonedx_is_a_statement(state: str, status: str, ref: str) -> None:
    found_status, (told,) = applied(cyclonedx({"state": state}, ref))
    assert found_status == status
    assert told.matched == (2,)


def test_cyclonedx_needs_a_reason_and_named_versions() -> None:
    assert applied(cyclonedx({"state": "not_affected"}, "b"))[0] == ""
    good = {"state": "not_affected", "justification": "code_not_present"}
    assert applied(cyclonedx(good, "b"))[0] == "not_affected"
    same, other = [{"version": "2.31.0"}], [{"version": "2.30.0"}]
    assert applied(cyclonedx(good, "b", versions=same))[0] == "not_affected"
    assert applied(cyclonedx(good, "b", versions=other))[0] == ""
    status, (told,) = applied(cyclonedx(good, "b", versions=[{"range": "vers:pypi/*"}]))
    assert status == ""
    assert "range of versions" in told.document.refused[0]


def csaf(flags: list[dict[str, Any]], product: str) -> bytes:
    tree = {
        "branches": [
            {
                "branches": [
                    {
                        "product": {
                            "product_id": "P",
                            "product_identification_helper": {"purl": "pkg:pypi/requests"},
                        }
                    }
                ]
            }
        ]
    }
    return json.dumps(
        {
            "document": {
                "csaf_version": "2.0",
                "publisher": {"name": "vendor"},
                "tracking": {"current_release_date": "2026-06-01T00:00:00Z"},
            },
            "product_tree": tree,
            "vulnerabilities": [
                {
                    "cve": NAMED,
                    "flags": flags,
                    "product_status": {"known_not_affected": [product]},
                }
            ],
        }
    ).encode()


def test_csaf_says_it_too() -> None:
    flag = {"label": "vulnerable_code_not_present", "product_ids": ["P"]}
    assert applied(csaf([flag], "P"))[0] == "not_affected"
    assert applied(csaf([], "P"))[1][0].document.refused
    assert applied(csaf([{**flag, "product_ids": ["Q"]}], "P"))[0] == ""
    assert applied(csaf([{**flag, "product_ids": ["Q"]}], "Q"))[0] == ""


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"{", b'{"@context": "https://openvex.dev/ns"}', b"\xff", b"null"]
)
def test_what_is_no_document_names_its_place(data: bytes) -> None:
    with pytest.raises(InvalidInputError, match=r"v\.json is no VEX document"):
        vex.read(data, "v.json")


def test_documents_come_from_files_and_globs_each_once(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_bytes(openvex(statement()))
    entries = [Vex(str(tmp_path / "*.json")), Vex(str(tmp_path / "a.json")), Vex("attested")]
    read = vex.named(entries, [tmp_path / "b.json"])
    assert [Path(d.place).name for d in read] == ["a.json", "b.json"]
    with pytest.raises(InvalidInputError, match="no file fits"):
        vex.named([Vex(str(tmp_path / "*.vex"))])
    with pytest.raises(InvalidInputError, match="cannot read"):
        vex.named([], [tmp_path / "none"])
    with pytest.raises(EvidenceError, match="not the one"):
        vex.named([Vex(str(tmp_path / "a.json"), "sha256:" + "0" * 64)])


def test_a_purl_means_what_it_says_and_no_more() -> None:
    have = "pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12"
    assert covers("pkg:deb/debian/libc6", have)
    assert covers("pkg:deb/debian/libc6@2.36-9+deb12u4?arch=amd64", have)
    assert not covers("pkg:deb/debian/libc6?arch=arm64", have)
    assert not covers("pkg:deb/ubuntu/libc6", have)
    assert covers("pkg:npm/@scope/a", "pkg:npm/%40scope/a@1")
    assert not covers("pkg:", have)
