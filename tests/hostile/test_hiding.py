"""Images, SBOMs, reports, advisories made to hide a vulnerable package, or to pass the gate."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import madeimage
import madescan as made
import pytest

from imgforge.advisories.database import open_database
from imgforge.analysis import ImageFacts, analyse, installed
from imgforge.checks.vulnerabilities import database_age
from imgforge.errors import EvidenceError
from imgforge.inventory import System
from imgforge.licences.expression import refused
from imgforge.licences.judged import judge as judge_licences
from imgforge.oci.layout import Layout
from imgforge.policy import Policy
from imgforge.policy.licences import Licences
from imgforge.policy.vulnerabilities import Accepted, Vulnerabilities
from imgforge.sbom import document
from imgforge.vulnerabilities import adapters
from imgforge.vulnerabilities.adapters import joined
from imgforge.vulnerabilities.found import found
from imgforge.vulnerabilities.judging import judge
from imgforge.vulnerabilities.scan import demand
from imgforge.vulnerabilities.scanned import Knowledge, Scanned

DAY = dt.date(2026, 7, 1)
ELF = b"\x7fELF\x02\x01\x01" + b"\0" * 9 + b"\x03\0\x3e\0" + b"\0" * 44
SUM = hashlib.md5(b"", usedforsecurity=False).hexdigest()
STATUS = "Package: {0}\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n"


def image(folder: Path, **members: bytes | str) -> ImageFacts:
    """Return the facts of an image with a program, and ``members`` by path (``__`` is a ``/``)."""
    layout = Layout.create(folder / "layout")
    files = [madeimage.file("opt/hidden", ELF, 0o755)]
    for path, data in members.items():
        name = path.replace("__", "/").replace("_DOT_", ".")
        files.append(madeimage.file(name, data.encode() if isinstance(data, str) else data))
    return analyse(layout, madeimage.add(layout, [madeimage.tar(*files)]))


def unowned(facts: ImageFacts) -> list[str]:
    return [binary.path for binary in installed.unowned(facts)]


@pytest.mark.parametrize("line", ["opt/", "./opt/", "/opt/", "opt//"])
def test_no_record_of_debians_claims_a_folder(tmp_path: Path, line: str) -> None:
    sums = f"{SUM}  usr/bin/own\n{SUM}  {line}\n"
    record = {
        "var__lib__dpkg__status_DOT_d__evil": STATUS.format("evil"),
        "var__lib__dpkg__status_DOT_d__evil_DOT_md5sums": sums,
    }
    assert unowned(image(tmp_path, **record)) == ["opt/hidden"]


def test_no_record_of_alpines_claims_a_folder(tmp_path: Path) -> None:
    record = "P:evil\nV:1-r0\nA:x86_64\nF:opt\nR:\n"
    assert unowned(image(tmp_path, lib__apk__db__installed=record)) == ["opt/hidden"]


def test_no_gem_claims_what_is_above_its_folder(tmp_path: Path) -> None:
    spec = 'Gem::Specification.new do |s|\n  s.name = "evil"\n  s.version = "1"\nend\n'
    layout = Layout.create(tmp_path / "layout")
    members = [
        madeimage.folder("opt/gems"),
        madeimage.file("opt/hidden", ELF, 0o755),
        madeimage.file("opt/specifications/...gemspec", spec.encode()),
    ]
    facts = analyse(layout, madeimage.add(layout, [madeimage.tar(*members)]))
    assert unowned(facts) == ["opt/hidden"]


def test_a_list_of_files_without_its_package_claims_nothing(tmp_path: Path) -> None:
    lists = {"var__lib__dpkg__info__evil_DOT_list": "/opt\n/opt/hidden\n"}
    alone = {"var__lib__dpkg__status": STATUS.format("other")}
    # What a copyright file says of a package does not make it one that is installed.
    note = {"usr__share__doc__evil__copyright": "License: MIT\n"}
    assert unowned(image(tmp_path / "1", **lists, **alone, **note)) == ["opt/hidden"]
    whole = {"var__lib__dpkg__status": STATUS.format("evil")}
    assert unowned(image(tmp_path / "2", **lists, **whole)) == []


DEBIAN = STATUS.format("evil").encode()
PYTHON = b"Metadata-Version: 2.1\nName: evil\nVersion: 1\n"
APK = b"P:evil\nV:1-r0\nA:x86_64\n"
LINKS = {
    "status": ("opt/x", DEBIAN, madeimage.symlink("var/lib/dpkg/status", "/opt/x")),
    "folder": ("opt/d/status", DEBIAN, madeimage.symlink("var/lib/dpkg", "/opt/d")),
    "hard": ("opt/x", DEBIAN, madeimage.hardlink("var/lib/dpkg/status", "opt/x")),
    "one": ("opt/x", DEBIAN, madeimage.symlink("var/lib/dpkg/status.d/evil", "/opt/x")),
    "all": ("opt/d/evil", DEBIAN, madeimage.symlink("var/lib/dpkg/status.d", "/opt/d")),
    "list": (
        "var/lib/dpkg/info/x.list",
        DEBIAN,
        madeimage.symlink("var/lib/dpkg/status", "info/x.list"),
    ),
    "apk": ("opt/x", APK, madeimage.symlink("lib/apk/db/installed", "../../../opt/x")),
    "python": ("opt/x", PYTHON, madeimage.symlink("app/evil-1.dist-info/METADATA", "/opt/x")),
}


@pytest.mark.parametrize("name", LINKS)
def test_a_record_behind_a_link_is_told(tmp_path: Path, name: str) -> None:
    place, data, link = LINKS[name]
    layout = Layout.create(tmp_path / "layout")
    layers = [madeimage.tar(madeimage.file(place, data), link)]
    facts = analyse(layout, madeimage.add(layout, layers))
    assert not facts.packages
    assert [problem.kind for _, problem in facts.problems] == ["record"]


def test_links_between_the_places_of_records_are_harmless(tmp_path: Path) -> None:
    layout = Layout.create(tmp_path / "layout")
    members = [
        madeimage.file("usr/lib/apk/db/installed", APK),
        madeimage.symlink("lib", "usr/lib"),
        madeimage.file("cache/evil-1.dist-info/METADATA", PYTHON),
        madeimage.hardlink("app/evil-1.dist-info/METADATA", "cache/evil-1.dist-info/METADATA"),
        madeimage.symlink("app/record", "../lib/apk/db/installed"),
    ]
    facts = analyse(layout, madeimage.add(layout, [madeimage.tar(*members)]))
    assert not facts.problems
    assert {package.ecosystem for package in facts.packages} == {"apk", "pypi"}


@pytest.mark.parametrize(
    ("system", "purl"),
    [
        (System("wolfi", "20230201"), "pkg:deb/debian/openssl@3.0.11-1"),
        (System("debian", "12"), "pkg:apk/alpine/openssl@3.1.4-r0"),
        (System("rhel", "9"), "pkg:apk/alpine/openssl@3.1.4-r0"),
        (System("alpine", "3.20"), "pkg:rpm/redhat/openssl@3.0.7-1"),
    ],
)
def test_packages_of_another_kind_than_the_distribution_has_are_not_taken_for_sound(
    tmp_path: Path, system: System, purl: str
) -> None:
    path = made.database(
        tmp_path,
        made.advisory("A-1", ecosystem="Wolfi", package="x"),
        made.advisory("A-2", ecosystem="Debian:12", package="x"),
        made.advisory("A-3", ecosystem="Alpine:v3.20", package="x"),
        made.advisory("A-4", ecosystem="Red Hat:enterprise_linux:9::baseos", package="x"),
    )
    contents = dataclasses.replace(made.inventory(made.component(purl)), system=system)
    with open_database(path) as database:
        result = found(contents, database)
    assert not result.vulnerabilities
    (unmatched,) = result.unmatched
    assert f"{system.id} has no packages of its kind" in unmatched.reason


def test_a_module_whose_purl_is_in_lower_case_is_found(tmp_path: Path) -> None:
    # purl-spec, PURL-TYPES, golang: namespace and name must be lower case; Trivy writes them so.
    name = "github.com/BurntSushi/toml"
    path = made.database(tmp_path, made.advisory("GO-1", ecosystem="Go", package=name, fixed="2"))
    for written in (name, name.lower()):
        contents = made.inventory(made.component(f"pkg:golang/{written}@v1.0.0"))
        with open_database(path) as database:
            assert found(contents, database).vulnerabilities


def scanned(tmp_path: Path, **fields: Any) -> list[Any]:  # noqa: ANN401 - an advisory's
    with open_database(made.database(tmp_path, made.advisory(**fields))) as database:
        return list(found(made.inventory(), database).vulnerabilities)


@pytest.mark.parametrize(
    ("published", "fails"),
    [
        ("2026-06-25T00:00:00Z", False),
        ("2026-07-02T00:00:00Z", False),
        ("2026-07-03T00:00:00Z", True),
        ("9999-12-31T00:00:00Z", True),
        ("0001-01-01T00:00:00Z", True),
    ],
)
def test_no_grace_for_what_is_dated_later_than_now(
    tmp_path: Path,
    published: str,
    fails: bool,  # noqa: FBT001
) -> None:
    policy = Policy(day=DAY, vulnerabilities=Vulnerabilities(grace={"critical": 10}))
    (one,) = scanned(tmp_path)
    (verdict,) = judge([dataclasses.replace(one, published=published[:10])], policy)
    assert verdict.fails == fails


def test_a_database_of_a_day_that_is_still_to_come_is_never_fresh() -> None:
    policy = Policy(day=DAY, vulnerabilities=Vulnerabilities(required=True, max_age=7))
    demand(policy, Knowledge("sha256:x", DAY + dt.timedelta(days=1)))
    late = Knowledge("sha256:x", DAY + dt.timedelta(days=2))
    with pytest.raises(EvidenceError, match="still to come"):
        demand(policy, late)
    (told,) = database_age.check(Scanned(made.inventory(), (), (), (), late), policy)
    assert "still to come" in told.message


def test_a_report_gives_our_vulnerabilities_no_names_that_are_excused(tmp_path: Path) -> None:
    (own,) = scanned(tmp_path)
    ignore = Accepted("CVE-1", "*", "checked", "web", DAY)
    policy = Policy(day=DAY, vulnerabilities=Vulnerabilities(ignore=(ignore,)))
    flaw = {
        "VulnerabilityID": "CVE-1",
        "VendorIDs": list(own.names),
        "PkgName": "requests",
        "InstalledVersion": "2.31.0",
        "PkgIdentifier": {"PURL": made.REQUESTS},
        "Severity": "LOW",
    }
    report = {
        "SchemaVersion": 2,
        "ArtifactName": "x",
        "Results": [{"Target": "x", "Class": "lang-pkgs", "Vulnerabilities": [flaw]}],
    }
    read = adapters.read(document_of(report), "x")
    verdicts = judge(joined([own], [read], made.inventory()), policy)
    assert [verdict.fails for verdict in verdicts] == [True]


@pytest.mark.parametrize("day", ["2026-13-45", "0000-00-00", "9999-99-99", "\u0662026-06-25"])
def test_a_report_with_a_day_that_is_none_gives_no_grace(day: str) -> None:
    policy = Policy(day=DAY, vulnerabilities=Vulnerabilities(grace={"high": 10}))
    flaw = {
        "VulnerabilityID": "CVE-1",
        "PkgName": "requests",
        "InstalledVersion": "2.31.0",
        "PkgIdentifier": {"PURL": made.REQUESTS},
        "Severity": "HIGH",
        "PublishedDate": f"{day}T00:00:00Z",
    }
    report = {
        "SchemaVersion": 2,
        "ArtifactName": "x",
        "Results": [{"Target": "x", "Class": "lang-pkgs", "Vulnerabilities": [flaw]}],
    }
    read = adapters.read(document_of(report), "x")
    (verdict,) = judge(joined([], [read], made.inventory()), policy)
    assert verdict.fails


def document_of(value: object) -> bytes:
    return json.dumps(value).encode()


def cyclonedx(**fields: Any) -> bytes:  # noqa: ANN401 - JSON
    return document_of({"bomFormat": "CycloneDX", "specVersion": "1.6", **fields})


def test_what_lies_in_the_described_component_is_listed() -> None:
    inner = {"type": "library", "name": "requests", "version": "2.31.0", "purl": made.REQUESTS}
    wrapped = {"type": "library", "name": "a", "components": [inner]}
    for kind in ("container", "application"):
        root = {"type": kind, "name": "web", "components": [wrapped]}
        read = document.read(cyclonedx(metadata={"component": root}), "x")
        assert made.REQUESTS in {c.package.purl for c in read.inventory.components}


@pytest.mark.parametrize(
    "licences",
    [
        [{"license": {"id": "GPL-3.0-only"}}, {"expression": "MIT or Apache-2.0"}],
        [{"license": {"id": "GPL-3.0-only"}}, {"expression": "MIT\tOR\tApache-2.0"}],
        [{"expression": "MIT Or MIT"}, {"license": {"id": "GPL-3.0-only"}}],
        [{"license": {"id": "GPL-3.0-only"}}, {"license": {"name": "MIT) OR (MIT"}}],
        [{"license": {"name": "(MIT"}}, {"license": {"name": "GPL-3.0-only) OR MIT"}}],
    ],
)
def test_a_licence_beside_others_loosens_none_of_them(licences: list[Any]) -> None:
    one = {"type": "library", "name": "a", "purl": "pkg:npm/a@1", "licenses": licences}
    inventory = document.read(cyclonedx(components=[one]), "x").inventory
    policy = Licences(allow=("MIT", "Apache-2.0"))
    (verdict,) = judge_licences(inventory, [policy])
    assert verdict.strict or verdict.refused == ("GPL-3.0-only",)


def test_a_licence_of_many_thousand_is_judged_in_time() -> None:
    many = " AND ".join(f"LicenseRef-{number}" for number in range(20_000))
    start = time.monotonic()
    assert len(refused(many, lambda _: True)) == 20_000
    assert time.monotonic() - start < 20
