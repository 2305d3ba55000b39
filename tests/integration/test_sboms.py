"""Our SBOMs as others read them, and theirs as we do: the same components, whoever asks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from running import EXAMPLE_NAMES, Example, engines_of, imgforge, run, tool

from imgforge.sbom import document
from imgforge.sbom.compare import compare
from imgforge.sbom.document import Document

Built = Callable[[str, str], Example]
FORMATS = ("spdx", "cyclonedx")
OFFLINE = ("--quiet", "--skip-db-update", "--offline-scan", "--scanners", "license")
Found = set[tuple[str, str, str, str]]


@pytest.fixture(params=EXAMPLE_NAMES)
def example(request: pytest.FixtureRequest, built: Built) -> Example:
    name: str = request.param
    return built(name, engines_of(name)[0])


def read(path: Path) -> Document:
    return document.read(path.read_bytes(), str(path))


def found(read: Document) -> Found:
    """Return what is compared: others' purls differ in spelling and qualifiers.

    Without a purl is what syft makes of an operating system: a package.
    """
    return {
        (p.ecosystem, p.namespace, p.name.lower().replace("_", "-").replace(".", "-"), p.version)
        for p in (component.package for component in read.inventory.components)
        if p.purl
    }


def ours(example: Example, kind: str) -> Path:
    name = {"spdx": "sbom.spdx.json", "cyclonedx": "sbom.cdx.json"}[kind]
    return example.evidence / name


@pytest.mark.parametrize("kind", FORMATS)
def test_syft_converts_ours_and_loses_nothing(example: Example, kind: str, tmp_path: Path) -> None:
    for target, name in (("spdx-json", "a.spdx.json"), ("cyclonedx-json", "a.cdx.json")):
        converted = tmp_path / name
        run(tool("syft"), "convert", "--quiet", ours(example, kind), "-o", f"{target}={converted}")
        assert found(read(converted)) == found(read(ours(example, kind)))


@pytest.mark.parametrize("kind", FORMATS)
def test_trivy_reads_ours_and_finds_the_same(example: Example, kind: str, tmp_path: Path) -> None:
    told = tmp_path / "trivy.cdx.json"
    argv = [tool("trivy"), "sbom", *OFFLINE[:3], "--format", "cyclonedx", "--output", str(told)]
    run(*argv, ours(example, kind))
    theirs, own = read(told), read(ours(example, kind))
    assert found(theirs) == found(own)
    # Of SPDX, Trivy 0.76 passes no source packages on: not even of its own documents.
    sources = {
        p.name: p.source
        for p in (component.package for component in own.inventory.components)
        if p.ecosystem == "deb" and p.source and kind == "cyclonedx"
    }
    seen = {c.package.name: c.package.source for c in theirs.inventory.components}
    assert {name: seen[name] for name in sources} == sources


@pytest.mark.parametrize("kind", ["spdx-json", "cyclonedx-json"])
def test_what_syft_lists_reads_as_what_we_list(example: Example, kind: str, tmp_path: Path) -> None:
    # syft takes a layout of one image alone, without what is attached to it.
    image = f"oci:{example.layout}:{example.name.rpartition(':')[2]}"
    run(tool("skopeo"), "copy", "--quiet", "--preserve-digests", image, f"oci:{tmp_path}/alone")
    path = tmp_path / "syft.json"
    run(tool("syft"), "--quiet", f"oci-dir:{tmp_path}/alone", "-o", f"{kind}={path}")
    theirs = read(path)
    own = read(ours(example, "spdx"))
    assert theirs.inventory.digest == own.inventory.digest
    assert theirs.inventory.system is not None
    assert own.inventory.system is not None
    assert theirs.inventory.system[:2] == own.inventory.system[:2]
    deb = {each for each in found(theirs) if each[0] == "deb"}
    assert deb == {each for each in found(own) if each[0] == "deb"}


@pytest.mark.parametrize("kind", ["spdx-json", "cyclonedx"])
def test_what_trivy_lists_reads_as_what_we_list(
    example: Example, kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "trivy.json"
    # Only the distribution's packages are compared; for jars it would fetch a database.
    argv = [tool("trivy"), "image", *OFFLINE, "--format", kind, "--output", str(path)]
    run(*argv, "--pkg-types", "os", "--input", example.layout)
    theirs, own = read(path), read(ours(example, "spdx"))
    sides = ({c for c in found(read_) if c[0] == "deb"} for read_ in (theirs, own))
    assert next(sides) == next(sides)
    layers = {c.package.layer for c in theirs.inventory.components if c.package.ecosystem == "deb"}
    assert layers <= set(own.inventory.layers)


def test_both_formats_say_the_same(example: Example) -> None:
    one, other = (read(ours(example, kind)) for kind in FORMATS)
    assert one.inventory == other.inventory
    assert not compare(one.inventory, other.inventory)


def test_an_applications_images_become_one(built: Built, tmp_path: Path) -> None:
    paths = [ours(built(name, engines_of(name)[0]), "cyclonedx") for name in EXAMPLE_NAMES]
    whole = tmp_path / "shop.cdx.json"
    asked = ("--name", "acme/shop", "--format", "cyclonedx")
    said = imgforge("sbom", "merge", *paths, *asked, cwd=tmp_path)
    whole.write_text(said.stdout)
    assert found(read(whole)) == set.union(*(found(read(path)) for path in paths))
    converted = run(tool("syft"), "convert", "--quiet", whole, "-o", "json").stdout
    seen = {artifact["name"] for artifact in json.loads(converted)["artifacts"]}
    names = {c.package.name for path in paths for c in read(path).inventory.components}
    assert names <= {name.rpartition("/")[2] for name in seen} | seen
