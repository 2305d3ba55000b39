from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import madeimage as made
import pytest

from imgforge import inventory
from imgforge.inventory import Inventory
from imgforge.sbom import cyclonedx, spdx
from imgforge.sbom.parts import expression, supplier

CREATED = 1_700_000_000
NAME = "registry.acme.test:5000/team/Web-App"
Render = Callable[..., bytes]


@pytest.fixture
def image(tmp_path: Path) -> Inventory:
    control = b"""Package: libc6
Status: install ok installed
Version: 2.41-12
Architecture: amd64
Source: glibc
Maintainer: GNU Libc Maintainers <debian-glibc@lists.debian.org>

Package: odd
Version: 1~rc1+b2
Maintainer: J. (Joe) Random

Package: nobody
Version: 0
"""
    licences = (b"License-Expression: MIT OR Apache-2.0", b"License: Our own terms", b"X: y")
    facts = made.facts(
        tmp_path,
        [
            made.file("etc/os-release", b"ID=debian\nVERSION_ID=13\n"),
            made.file("var/lib/dpkg/status", control),
        ],
        [
            made.file(
                f"app/{place}/p{n}-1.0.dist-info/METADATA",
                b"Metadata-Version: 2.4\nName: p%d\nVersion: 1.0\nAuthor-email: "
                b'"A. Person" <a@b.test>, c@d.test\n%s\n' % (n, licence),
            )
            for n, licence in enumerate(licences)
            for place in ("lib", "vendored\udcff/lib")
        ],
    )
    return inventory.of(facts)


@pytest.mark.parametrize("render", [spdx.render, cyclonedx.render])
def test_documents_repeat_bit_for_bit(render: Render, image: Inventory) -> None:
    once = render(image, name=NAME, created=CREATED)
    assert once == render(image, name=NAME, created=CREATED)
    assert once != render(image, name=NAME, created=CREATED + 1)
    assert b"2023-11-14T22:13:20Z" in once


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_spdx_is_valid_by_the_reference_library(image: Inventory, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from spdx_tools.spdx.parser.parse_anything import parse_file
        from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

        path = tmp_path / "sbom.spdx.json"
        path.write_bytes(spdx.render(image, name=NAME, created=CREATED))
        document = parse_file(str(path))
        assert validate_full_spdx_document(document) == []
        assert len(document.packages) == 2 + len(image.components)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_cyclonedx_is_valid_by_the_official_schema(image: Inventory) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    document = cyclonedx.render(image, name=NAME, created=CREATED).decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(document) is None


def test_spdx_has_the_minimum_elements(image: Inventory) -> None:
    document = json.loads(spdx.render(image, name=NAME, created=CREATED))
    packages = {package["SPDXID"]: package for package in document["packages"]}
    root = packages["SPDXRef-Image"]
    assert root["checksums"] == [
        {"algorithm": "SHA256", "checksumValue": image.digest.removeprefix("sha256:")}
    ]
    assert root["externalRefs"][0]["referenceLocator"].startswith("pkg:oci/web-app@sha256%3A")
    related = {(r["relationshipType"], r["relatedSpdxElement"]) for r in document["relationships"]}
    assert related == {("DESCRIBES", "SPDXRef-Image")} | {
        ("CONTAINS", identifier) for identifier in packages if identifier != "SPDXRef-Image"
    }
    libc = next(package for package in packages.values() if package["name"] == "libc6")
    maintainers = "Organization: GNU Libc Maintainers (debian-glibc@lists.debian.org)"
    assert libc["supplier"] == maintainers
    assert libc["versionInfo"] == "2.41-12"
    said = libc["annotations"][0]["comment"].split("\n")
    assert said == [
        f"imgforge:layer={image.layers[0]}",
        "imgforge:location=/var/lib/dpkg/status",
        "imgforge:source=glibc",
    ]
    assert all(package["supplier"] for package in packages.values())


def test_cyclonedx_has_the_minimum_elements(image: Inventory) -> None:
    document: dict[str, Any] = json.loads(cyclonedx.render(image, name=NAME, created=CREATED))
    root = document["metadata"]["component"]
    assert root["hashes"][0]["content"] == image.digest.removeprefix("sha256:")
    references = [component["bom-ref"] for component in document["components"]]
    assert len(set(references)) == len(references) == 1 + len(image.components)
    assert document["dependencies"][0] == {"ref": image.digest, "dependsOn": sorted(references)}
    libc = next(c for c in document["components"] if c["name"] == "libc6")
    assert libc["purl"].startswith("pkg:deb/debian/libc6@2.41-12?")
    assert {"name": "imgforge:layer", "value": image.layers[0]} in libc["properties"]


def test_licences_are_expressions_only_where_they_are_valid(image: Inventory) -> None:
    document = json.loads(spdx.render(image, name=NAME, created=CREATED))
    said = {
        p["name"]: (p["licenseDeclared"], p.get("licenseComments")) for p in document["packages"]
    }
    assert said["p0"] == ("MIT OR Apache-2.0", None)
    assert said["p1"] == ("NOASSERTION", "The package's metadata says: Our own terms")
    assert said["p2"] == ("NOASSERTION", None)
    components = json.loads(cyclonedx.render(image, name=NAME, created=CREATED))["components"]
    named = {c["name"]: c.get("licenses") for c in components}
    assert named["p0"] == [{"expression": "MIT OR Apache-2.0", "acknowledgement": "declared"}]
    assert named["p1"] == [{"license": {"name": "Our own terms", "acknowledgement": "declared"}}]
    assert named["p2"] is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("mit", "MIT"),
        ("Apache License 2.0", "Apache-2.0"),
        ("GPL-2.0-or-later  AND\n MIT", "GPL-2.0-or-later AND MIT"),
        ("BSD", None),
        ("GPL-2.0-or-later AND verbatim", None),
        ("MIT AND", None),
        ("", None),
    ],
)
def test_expressions(said: str, expected: str | None) -> None:
    assert expression(said) == expected


def test_suppliers(image: Inventory) -> None:
    found = {c.package.name: supplier(c.package) for c in image.components}
    assert found["nobody"] is None
    assert found["odd"] == ("J. (Joe) Random", "", False)
    assert found["p0"] == ("A. Person", "a@b.test", False)
    assert found["libc6"] is not None
    assert found["libc6"].organisation


def test_an_image_without_packages(tmp_path: Path) -> None:
    image = inventory.of(made.facts(tmp_path, [made.file("a")]))
    assert json.loads(cyclonedx.render(image, name="x", created=0))["components"] == []
    assert len(json.loads(spdx.render(image, name="x", created=0))["packages"]) == 1
