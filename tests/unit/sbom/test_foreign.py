"""Documents as syft, Trivy and others write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imgforge.inventory import System
from imgforge.oci.types import Platform
from imgforge.sbom import document, purls
from imgforge.sbom.document import Document

DATA = Path(__file__).parents[1] / "verify" / "conditions" / "data"
FILES = ["syft.cdx.json", "syft.spdx.json", "trivy.cdx.json", "trivy.spdx.json"]


def read(name: str) -> Document:
    return document.read((DATA / name).read_bytes(), name)


def cyclonedx(*components: dict[str, Any], **more: Any) -> Document:  # noqa: ANN401 - JSON
    value = {"bomFormat": "CycloneDX", "specVersion": "1.5", "components": components, **more}
    return document.read(json.dumps(value).encode(), "x")


def spdx(*packages: dict[str, Any], **more: Any) -> Document:  # noqa: ANN401 - JSON
    value = {"spdxVersion": "SPDX-2.2", "packages": packages, **more}
    return document.read(json.dumps(value).encode(), "x")


@pytest.mark.parametrize("name", FILES)
def test_the_same_packages_whoever_lists_them(name: str) -> None:
    image = read(name).inventory
    found = {
        (p.ecosystem, p.name.lower().replace("_", "-").replace(".", "-"), p.version)
        for p in (component.package for component in image.components)
    }
    assert {("deb", "libstdc++6", "14.2.0-19"), ("pypi", "flask-login", "0.6.3")} <= found
    assert len(found) == 4
    assert image.system is not None
    assert image.system.id == "debian"
    assert image.system.version.startswith("13")


def test_layers_and_places_where_they_are_told() -> None:
    by_name = {c.package.name: c.package for c in read("syft.cdx.json").inventory.components}
    assert by_name["flask-login"].paths == (
        "usr/lib/python3/dist-packages/Flask_Login-0.6.3.dist-info/METADATA",
    )
    assert by_name["flask-login"].layer.startswith("sha256:")
    trivy = read("trivy.cdx.json").inventory
    assert len(trivy.layers) == 1
    assert all(c.package.layer.startswith("sha256:") for c in trivy.components)


def test_what_trivy_scanned_is_no_package() -> None:
    target = {
        "type": "application",
        "name": "app/package-lock.json",
        "bom-ref": "1",
        "properties": [{"name": "aquasecurity:trivy:Class", "value": "lang-pkgs"}],
    }
    assert cyclonedx(target).inventory.components == ()
    package = {"SPDXID": "a", "name": "x", "annotations": [{"comment": "Class: lang-pkgs"}]}
    assert spdx(package).inventory.components == ()
    older = {"SPDXID": "a", "name": "x", "attributionTexts": ["Class: lang-pkgs"]}
    assert spdx(older).inventory.components == ()


def test_source_packages_as_trivy_writes_them() -> None:
    properties = {"SrcName": "zlib", "SrcVersion": "1.3", "SrcRelease": "1", "SrcEpoch": "1"}
    component = {
        "type": "library",
        "name": "zlib1g",
        "purl": "pkg:deb/debian/zlib1g@1.3-1?arch=amd64&distro=debian-13&epoch=1",
        "properties": [
            {"name": f"aquasecurity:trivy:{name}", "value": value}
            for name, value in properties.items()
        ],
    }
    (found,) = cyclonedx(component).inventory.components
    assert (found.package.version, found.package.architecture) == ("1:1.3-1", "amd64")
    assert (found.package.source, found.package.source_version) == ("zlib", "1:1.3-1")
    package = {"SPDXID": "a", "name": "x", "sourceInfo": "built package from: zlib 1:1.3-1"}
    (found,) = spdx(package).inventory.components
    assert (found.package.source, found.package.source_version) == ("zlib", "1:1.3-1")


def test_files_of_others_are_not_what_no_package_owns() -> None:
    listed = {"type": "file", "name": "/bin/sh", "hashes": [{"alg": "SHA-256", "content": "00"}]}
    assert cyclonedx(listed).inventory.files == ()
    assert cyclonedx(listed).inventory.components == ()


def test_scopes_and_what_is_for_development() -> None:
    listed = {
        "type": "library",
        "name": "a",
        "purl": "pkg:npm/%40x/a@1",
        "scope": "optional",
        "properties": [{"name": "cdx:npm:package:development", "value": "true"}],
    }
    (found,) = cyclonedx(listed).inventory.components
    assert (found.package.namespace, found.package.name) == ("@x", "a")
    assert (found.scope, found.package.dev) == ("optional", True)


def test_a_group_is_part_of_the_name_where_there_is_no_purl() -> None:
    (found,) = cyclonedx({"type": "library", "group": "g", "name": "a"}).inventory.components
    assert (found.package.name, found.package.ecosystem) == ("g/a", "")


def test_licences_of_a_list() -> None:
    licences = [
        {"license": {"id": "MIT"}},
        {"license": {"name": "Own"}},
        {"expression": "A OR B"},
    ]
    (found,) = cyclonedx(
        {"type": "library", "name": "a", "licenses": licences}
    ).inventory.components
    assert found.package.licence == "MIT AND Own AND (A OR B)"
    package = {"SPDXID": "a", "name": "x", "licenseDeclared": "NONE", "licenseConcluded": "ISC"}
    (found,) = spdx(package).inventory.components
    assert found.package.licence == "ISC"


def test_dependencies_however_they_are_written() -> None:
    packages = [{"SPDXID": each, "name": each} for each in "abc"]
    related = [
        {"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b}
        for a, kind, b in (("a", "DEPENDS_ON", "b"), ("c", "DEV_DEPENDENCY_OF", "a"))
    ]
    found = spdx(*packages, relationships=related).inventory.components
    by_name = {component.package.name: component for component in found}
    assert set(by_name["a"].needs) == {by_name["b"].ref, by_name["c"].ref}
    assert by_name["c"].scope == "dev"


def test_a_described_package_is_content_unless_it_is_an_image() -> None:
    purl = {"referenceType": "purl", "referenceLocator": "pkg:npm/app@1"}
    package = {"SPDXID": "a", "name": "app", "externalRefs": [purl]}
    read = spdx(package, documentDescribes=["a"])
    assert [c.package.name for c in read.inventory.components] == ["app"]
    image = {"type": "container", "name": "x", "purl": f"pkg:oci/x@sha256%3A{'1' * 64}?arch=arm64"}
    read = cyclonedx(metadata={"component": image})
    assert read.inventory.digest == f"sha256:{'1' * 64}"
    assert read.inventory.platform == Platform("linux", "arm64")
    assert read.created is None


@pytest.mark.parametrize(
    ("purl", "system"),
    [
        ("pkg:deb/ubuntu/a@1?distro=ubuntu-22.04", System("ubuntu", "22.04")),
        ("pkg:apk/alpine/a@1?distro=alpine-3.19.1", System("alpine", "3.19.1")),
        ("pkg:rpm/opensuse/a@1?distro=opensuse-leap-15.5", System("opensuse-leap", "15.5")),
        ("pkg:deb/debian/a@1?distro=trixie", System("debian", "", "trixie")),
        ("pkg:deb/debian/a@1?distro=debian-sid", System("debian", "", "sid")),
        ("pkg:rpm/redhat/a@1?distro=9", System("redhat", "9")),
        ("pkg:deb/debian/a@1", System("debian", "")),
        ("pkg:deb/a@1", None),
        ("pkg:pypi/a@1?distro=debian-13", None),
    ],
)
def test_the_distribution_as_purls_name_it(purl: str, system: System | None) -> None:
    assert purls.parse(purl).system == system


@pytest.mark.parametrize(
    ("purl", "version"),
    [
        ("pkg:rpm/fedora/a@1-2?epoch=3", "3:1-2"),
        ("pkg:rpm/fedora/a@1-2?epoch=0", "1-2"),
        ("pkg:deb/debian/a@3%3A1-2?epoch=3", "3:1-2"),
        ("pkg:npm/a@1?epoch=3", "1"),
        ("pkg:npm/a", ""),
    ],
)
def test_versions_have_their_epoch(purl: str, version: str) -> None:
    assert purls.parse(purl).full_version == version


@pytest.mark.parametrize("purl", ["", "npm/a", "pkg:npm", "pkg:npm/", "pkg:npm/@1", "pkg:1/a@1"])
def test_no_purls(purl: str) -> None:
    with pytest.raises(ValueError, match=r"it (is no|names no) package"):
        purls.parse(purl)
