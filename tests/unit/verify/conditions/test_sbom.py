"""SBOMs held against the layers; those of syft 1.18.1 and Trivy 0.76 are of the image made here."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import condition
import madeimage as made
import pytest
from packageurl import PackageURL

from imgforge import inventory
from imgforge.analysis import analyse
from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor
from imgforge.sbom import cyclonedx, spdx
from imgforge.signing.statement import CYCLONEDX, PROVENANCE, SPDX
from imgforge.verify.conditions.sbom import normal

DATA = Path(__file__).parent / "data"
HASH = "0" * 64
"""Stands in the data for the image's digest."""


def deb(name: str, version: str, architecture: str = "amd64") -> bytes:
    return (
        f"Package: {name}\nStatus: install ok installed\nVersion: {version}\n"
        f"Architecture: {architecture}\nMaintainer: A <a@example.com>\n\n"
    ).encode()


def dist(name: str, version: str) -> made.Member:
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n".encode()
    return made.file(f"usr/lib/python3/dist-packages/{name}-{version}.dist-info/METADATA", text)


MEMBERS = [
    made.file("etc/os-release", b'ID=debian\nVERSION_ID="13"\n'),
    made.file(
        "var/lib/dpkg/status",
        deb("libstdc++6", "14.2.0-19") + deb("tzdata", "2:2025b-4+deb13u1", "all"),
    ),
    dist("Flask_Login", "0.6.3"),
    dist("zope.interface", "1.0+local"),
]


class Image:
    """An image, its SBOMs, and what is against one of them."""

    def __init__(self, folder: Path, *members: made.Member) -> None:
        self.layout = Layout.create(folder / "layout")
        self.image: Descriptor = made.add(self.layout, [made.tar(*members)])
        self.facts = analyse(self.layout, self.image)

    def own(self, kind: str) -> dict[str, Any]:
        write = spdx.render if kind == SPDX else cyclonedx.render
        return dict(json.loads(write(inventory.of(self.facts), name="acme/web", created=0)))

    def theirs(self, name: str) -> dict[str, Any]:
        text = (DATA / name).read_text().replace(HASH, self.image.digest.removeprefix("sha256:"))
        return dict(json.loads(text))

    def against(self, document: object, kind: str, *, true: bool = True) -> list[str]:
        return condition.against(document, kind, self.layout, self.image, true=true)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return Image(tmp_path_factory.mktemp("image"), *MEMBERS)


def documents(image: Image) -> list[tuple[str, dict[str, Any]]]:
    return [
        (SPDX, image.own(SPDX)),
        (CYCLONEDX, image.own(CYCLONEDX)),
        *((SPDX, image.theirs(name)) for name in ("syft.spdx.json", "trivy.spdx.json")),
        *((CYCLONEDX, image.theirs(name)) for name in ("syft.cdx.json", "trivy.cdx.json")),
    ]


def test_what_imgforge_syft_and_trivy_write_is_true(image: Image) -> None:
    for kind, document in documents(image):
        assert image.against(document, kind) == []


def test_a_package_too_many_or_too_few_is_named(image: Image) -> None:
    for kind, document in documents(image):
        listed = document["packages" if kind == SPDX else "components"]
        (taken,) = [one for one in listed if one["name"].lower() == "tzdata"]
        listed.remove(taken)
        (reason,) = image.against(document, kind)
        assert reason == (
            "the layers have what the SBOM lacks: 'pkg:deb/debian/tzdata@2:2025b-4+deb13u1'"
        )
        listed.append(json.loads(json.dumps(taken).replace("tzdata", "evil")))
        reasons = image.against(document, kind)
        assert reasons[0] == (
            "the SBOM lists what no layer has: 'pkg:deb/debian/evil@2:2025b-4+deb13u1'"
        )
        assert len(reasons) == 2


def test_another_version_is_two_differences(image: Image) -> None:
    for kind, document in documents(image):
        other = json.loads(json.dumps(document).replace("0.6.3", "0.6.4"))
        reasons = image.against(other, kind)
        assert [r.rpartition(" ")[2] for r in reasons] == [
            "'pkg:pypi/flask-login@0.6.4'",
            "'pkg:pypi/flask-login@0.6.3'",
        ]


def test_differences_are_capped(image: Image) -> None:
    document = image.own(CYCLONEDX)
    document["components"] += [
        {"type": "library", "name": f"p{n}", "version": "1", "purl": f"pkg:npm/p{n:03}@1"}
        for n in range(500)
    ]
    (reason,) = image.against(document, CYCLONEDX)
    assert reason.endswith("'pkg:npm/p004@1' and 495 more")


def test_a_document_about_another_image_is_a_reason(image: Image) -> None:
    for kind, document in documents(image):
        digest = image.image.digest.removeprefix("sha256:")
        text = json.dumps(document)
        if digest in text:
            reasons = image.against(json.loads(text.replace(digest, "9" * 64)), kind)
            assert reasons
            assert set(reasons) == {f"the SBOM is about sha256:{'9' * 64}"}


def test_a_document_may_name_the_configuration(image: Image) -> None:
    config = image.layout.read_json(image.image)["config"]["digest"]
    document = image.own(CYCLONEDX)
    document["metadata"]["component"] = {"type": "container", "name": "x", "version": config}
    assert image.against(document, CYCLONEDX) == []


def test_packages_without_a_package_url_are_not_passed_over(image: Image) -> None:
    document = image.own(CYCLONEDX)
    for kind in ("operating-system", "file", "library", "application"):
        document["components"].append({"type": kind, "name": kind, "version": "1"})
    (reason,) = image.against(document, CYCLONEDX)
    assert reason == "the SBOM lists without a package URL: 'library 1', 'application 1'"


def test_components_in_components_count(image: Image) -> None:
    document = image.own(CYCLONEDX)
    inner: dict[str, Any] = {"type": "library", "name": "x", "purl": "pkg:npm/x@1"}
    for _ in range(50_000):
        inner = {"type": "file", "name": "x", "components": [inner]}
    document["components"].append(inner)
    (reason,) = image.against(document, CYCLONEDX)
    assert "pkg:npm/x@1" in reason


def spdx3(image: Image) -> dict[str, Any]:
    digest = image.image.digest
    hashed = [{"type": "Hash", "algorithm": "sha256", "hashValue": digest.removeprefix("sha256:")}]
    graph: list[dict[str, Any]] = [
        {"type": "CreationInfo", "@id": "_:c", "specVersion": "3.0.1"},
        {"type": "SpdxDocument", "spdxId": "urn:d", "rootElement": ["urn:root"]},
        {
            "type": "software_Package",
            "spdxId": "urn:root",
            "name": "acme/web",
            "software_packageVersion": digest,
            "software_primaryPurpose": "container",
            "verifiedUsing": hashed,
        },
    ]
    for number, package in enumerate(image.facts.packages):
        outside = {"externalIdentifierType": "packageURL", "identifier": package.purl}
        graph.append(
            {
                "type": "software_Package",
                "spdxId": f"urn:{number}",
                "name": package.name,
                "software_packageVersion": package.version,
                **({"externalIdentifier": [outside]} if number % 2 else {}),
                **({} if number % 2 else {"software_packageUrl": package.purl}),
            }
        )
    return {"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": graph}


@pytest.mark.parametrize("kind", [SPDX, CYCLONEDX])
def test_what_built_the_image_is_no_content(image: Image, kind: str) -> None:
    whole = inventory.of(image.facts)
    compiler = whole.components[0].package._replace(name="gcc", purl="pkg:deb/debian/gcc@14")
    said = replace(whole, tools=(inventory.Component(compiler, part="build"),))
    render = spdx.render if kind == SPDX else cyclonedx.render
    written = json.loads(render(said, name="acme/web", created=0))
    assert image.against(written, kind) == []


def test_content_that_is_called_a_tool_is_lacking(image: Image) -> None:
    document = image.own(SPDX)
    hidden = next(p for p in document["packages"] if p["name"] == "tzdata")
    document["relationships"].append(
        {
            "spdxElementId": hidden["SPDXID"],
            "relationshipType": "BUILD_TOOL_OF",
            "relatedSpdxElement": "SPDXRef-Image",
        }
    )
    (reason,) = image.against(document, SPDX)
    assert "the layers have what the SBOM lacks" in reason
    assert "tzdata" in reason


def test_spdx_3_is_read(image: Image) -> None:
    document = spdx3(image)
    assert image.against(document, SPDX) == []
    root = document["@graph"][2]
    root["software_packageVersion"] = "sha256:" + "9" * 64
    assert image.against(document, SPDX) == [f"the SBOM is about sha256:{'9' * 64}"]
    root["software_packageVersion"] = "1"
    taken = document["@graph"].pop()
    assert image.against(document, SPDX)
    document["@graph"].append({**taken, "software_packageUrl": "pkg:npm/another@1"})
    (reason,) = image.against(document, SPDX)
    assert "several package URLs" in reason
    for context in (
        None,
        "https://example.com/",
        ["https://spdx.org/rdf/4.0.0/spdx-context.jsonld"],
    ):
        assert image.against({**document, "@context": context}, SPDX)


def test_whether_it_is_true_is_not_known_without_layers(image: Image) -> None:
    (reason,) = condition.against(image.own(SPDX), SPDX, None, image.image, true=True)
    assert "layers were not read" in reason


def test_layers_that_cannot_be_believed_are_a_reason(tmp_path: Path) -> None:
    image = Image(tmp_path, *MEMBERS)
    document = image.own(SPDX)
    (layer,) = image.layout.read_json(image.image)["layers"]
    path = image.layout.blob_path(layer["digest"])
    for damage in (b"\x1f\x8b broken", path.read_bytes()[:-40], b""):
        path.write_bytes(damage)
        assert image.against(document, SPDX)
    path.unlink()
    assert image.against(document, SPDX)
    image.layout.blob_path(image.image.digest).unlink()
    (reason,) = image.against(document, SPDX)
    assert "cannot be read" in reason


def test_an_image_of_nothing_has_a_true_sbom_of_nothing(tmp_path: Path) -> None:
    image = Image(tmp_path, made.file("app"))
    for kind in (SPDX, CYCLONEDX):
        assert image.against(image.own(kind), kind) == []


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        (SPDX, None),
        (SPDX, "SPDXVersion: SPDX-2.3"),
        (SPDX, {}),
        (SPDX, {"spdxVersion": "SPDX-2.3"}),
        (SPDX, {"spdxVersion": "SPDX-2.3", "packages": []}),
        (SPDX, {"spdxVersion": "SPDX-4.0", "packages": [{"name": "x"}]}),
        (SPDX, {"spdxVersion": "SPDX-2.3", "packages": ["x"]}),
        (SPDX, {"spdxVersion": "SPDX-2.3", "packages": [{"name": "x", "versionInfo": 1}]}),
        (SPDX, {"spdxVersion": "SPDX-2.3", "packages": [{"name": "x", "externalRefs": {}}]}),
        (SPDX, {"spdxVersion": "SPDX-2.3", "packages": [{"name": "x"}], "relationships": 1}),
        (SPDX, {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}),
        (SPDX, {"@graph": []}),
        (CYCLONEDX, {}),
        (CYCLONEDX, {"bomFormat": "CycloneDX", "specVersion": "1.6"}),
        (CYCLONEDX, {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}),
        (CYCLONEDX, {"bomFormat": "CycloneDX", "specVersion": "2.0", "components": [{}]}),
        (CYCLONEDX, {"bomFormat": "CycloneDX", "specVersion": 1.6, "components": [{}]}),
        (CYCLONEDX, {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{}]}),
        (CYCLONEDX, {"spdxVersion": "SPDX-2.3", "packages": [{"name": "x"}]}),
    ],
)
def test_what_is_no_sbom_is_a_reason_even_if_nothing_else_is_demanded(
    kind: str, document: object
) -> None:
    assert condition.against(document, kind)


def test_sboms_with_their_version_in_the_type_are_read(image: Image) -> None:
    assert image.against(image.own(SPDX), f"{SPDX}/v2.3") == []
    assert image.against(image.own(CYCLONEDX), f"{CYCLONEDX}/v1.6", true=False) == []
    assert image.against(image.own(SPDX), PROVENANCE)


@pytest.mark.parametrize(
    "purl",
    [
        "pkg:pypi/flask-login@0.6.3",
        "pkg:npm/%40scope/tool@1.0.0",
        "pkg:golang/google.golang.org/genproto@abc#googleapis/api",
        "pkg:maven/org.apache/x@1?type=jar",
        "pkg:deb/debian/libstdc%2B%2B6@14.2?arch=amd64",
        "pkg:generic/a",
    ],
)
def test_package_urls_are_read_as_the_reference_library_does(purl: str) -> None:
    theirs = PackageURL.from_string(purl)
    read = (theirs.type, theirs.namespace or "", theirs.name, theirs.version or "")
    assert normal(purl) == read


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("pkg:pypi/Flask_Login@1", "pkg:PyPI/flask-login@1"),
        ("pkg:pypi/a.b--c@1", "pkg:pypi/a-b_c@1"),
        ("pkg:deb/debian/tzdata@2025?epoch=2", "pkg:deb/debian/tzdata@2:2025"),
        ("pkg:deb/debian/tzdata@2%3A2025?epoch=2", "pkg:deb/debian/tzdata@2:2025"),
        ("pkg:rpm/fedora/x@1-1?arch=noarch&epoch=0", "pkg:rpm/fedora/x@1-1"),
        ("pkg:npm/@scope/tool@1", "pkg:npm/%40scope/tool@1"),
        ("pkg://npm/x@1", "pkg:npm/x@1"),
    ],
)
def test_spellings_of_one_package_are_one(one: str, another: str) -> None:
    assert normal(one) == normal(another)


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("pkg:npm/Tool@1", "pkg:npm/tool@1"),
        ("pkg:npm/@a/x@1", "pkg:npm/@b/x@1"),
        ("pkg:deb/debian/x@1", "pkg:deb/ubuntu/x@1"),
        ("pkg:deb/debian/x@1:1", "pkg:deb/debian/x@1"),
        ("pkg:pypi/x@1.0", "pkg:pypi/x@1.0.0"),
        ("pkg:pypi/x@1", "pkg:npm/x@1"),
        ("pkg:pypi/x@1", "pkg:pypi/x"),
    ],
)
def test_other_packages_are_others(one: str, another: str) -> None:
    assert normal(one) != normal(another)


@pytest.mark.parametrize("text", ["", "x", "pkg:", "pkg:npm", "pkg:npm/", "npm/x@1", "pkg:npm/@1"])
def test_what_is_no_package_url_is_a_reason(image: Image, text: str) -> None:
    with pytest.raises(ValueError, match="it"):
        normal(text)
    document = image.own(CYCLONEDX)
    document["components"].append({"type": "library", "name": "x", "purl": text})
    assert image.against(document, CYCLONEDX)


def test_a_thousand_packages_are_compared_at_once(
    tmp_path: Path, best_of: Callable[[Callable[[], object]], float]
) -> None:
    text = b"".join(deb(f"p{n}", "1") for n in range(1000))
    image = Image(tmp_path, MEMBERS[0], made.file("var/lib/dpkg/status", text))
    assert len(image.facts.packages) == 1000
    for kind in (SPDX, CYCLONEDX):
        document = image.own(kind)
        assert image.against(document, kind) == []
        assert best_of(lambda d=document, k=kind: image.against(d, k)) < 0.5  # type: ignore[misc]
