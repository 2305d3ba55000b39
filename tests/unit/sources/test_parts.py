from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import madeimage as made
import pytest

from imgforge.errors import EvidenceError, InvalidInputError
from imgforge.oci.layout import CorruptLayoutError, Layout
from imgforge.oci.types import (
    CONFIG,
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    EMPTY,
    INDEX,
    LAYER_TAR,
    MANIFEST,
    Descriptor,
    Platform,
)
from imgforge.sources import Source, open_source, parse

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
UNKNOWN = Platform("unknown", "unknown")
STATEMENT = "application/vnd.in-toto+json"
LAYER = made.tar(made.file("app"))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.create(tmp_path / "layout")


def add(layout: Layout, platform: Platform = AMD64) -> Descriptor:
    image = made.add(layout, [LAYER], os=platform.os, architecture=platform.architecture)
    return dataclasses.replace(image, platform=platform)


def index(layout: Layout, *images: Descriptor, media: str = INDEX) -> Descriptor:
    manifests = [image.to_json() for image in images]
    return layout.add_json({"schemaVersion": 2, "mediaType": media, "manifests": manifests}, media)


def attestation(
    layout: Layout, subject: Descriptor, *, layer: str = STATEMENT, config: str = CONFIG
) -> Descriptor:
    notes = {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": subject.digest,
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": layout.add(b'{"os":"unknown"}', config).to_json(),
        "layers": [layout.add(b'{"predicate":{}}', layer).to_json()],
    }
    return layout.add_json(manifest, MANIFEST, annotations=notes, platform=UNKNOWN)


def images(layout: Layout, *tops: Descriptor, platforms: tuple[Platform, ...] = ()) -> list[str]:
    layout.write_index(tops)
    with open_source(parse(str(layout.path)), say=print) as source:
        return [image.digest for image in source.images(platforms, print)]


def test_every_image_of_nested_indexes_is_found_once(layout: Layout) -> None:
    one, two = add(layout), add(layout, ARM64)
    inner = index(layout, two, one, media=DOCKER_INDEX)
    assert images(layout, index(layout, one, inner), inner) == [one.digest, two.digest]


def test_an_index_in_itself_ends(layout: Layout) -> None:
    one = add(layout)
    inner = index(layout, one)
    assert images(layout, index(layout, inner, inner), inner) == [one.digest]


def test_attestations_and_artifacts_are_no_images(layout: Layout) -> None:
    one = add(layout)
    artifact = layout.attach(one, b"{}", "application/x", {})
    top = index(layout, one, attestation(layout, one))
    assert images(layout, top, artifact) == [one.digest]
    with open_source(parse(str(layout.path)), say=print) as source:
        assert source.digest() == top.digest


def test_an_image_cannot_pass_for_an_attestation(layout: Layout) -> None:
    one = add(layout)
    hidden = dataclasses.replace(
        add(layout, ARM64), platform=UNKNOWN, annotations=attestation(layout, one).annotations
    )
    mixed = attestation(layout, one, layer=LAYER_TAR)
    found = images(layout, index(layout, one, hidden, mixed))
    assert found == [one.digest, hidden.digest, mixed.digest]


@pytest.mark.parametrize("kind", ["application/octet-stream", "application/json", "text/html", ""])
def test_what_docker_would_run_is_an_image(kind: str, layout: Layout) -> None:
    hidden = attestation(layout, add(layout), layer=LAYER_TAR, config=kind)
    assert hidden.digest in images(layout, index(layout, add(layout), hidden))


@pytest.mark.parametrize("kind", ["attestation", "artifact"])
def test_nothing_but_evidence_is_no_image(kind: str, layout: Layout) -> None:
    one = add(layout)
    lone = (
        attestation(layout, one)
        if kind == "attestation"
        else attestation(layout, one, config=EMPTY)
    )
    for top in (index(layout), index(layout, lone), lone):
        with pytest.raises(CorruptLayoutError, match="holds no image"):
            images(layout, top)


@pytest.mark.parametrize("damage", ["changed", "missing", "longer"])
def test_what_accompanies_an_image_is_hashed(damage: str, layout: Layout) -> None:
    one = add(layout)
    other = attestation(layout, one)
    path = layout.blob_path(layout.read_json(other)["layers"][0]["digest"])
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(b'{"predicate":[]}' if damage == "changed" else path.read_bytes() + b"\n")
    with pytest.raises(EvidenceError, match=r"lacks blob|does not match"):
        images(layout, index(layout, one, other))


def test_platforms_narrow_what_is_judged(layout: Layout) -> None:
    one, two = add(layout), add(layout, ARM64)
    top = index(layout, one, two)
    assert images(layout, top, platforms=(ARM64,)) == [two.digest]
    with pytest.raises(InvalidInputError, match="no image for linux/s390x") as caught:
        images(layout, top, platforms=(Platform("linux", "s390x"),))
    assert caught.value.hint == "there is linux/amd64, linux/arm64"
    alone = dataclasses.replace(one, platform=None)
    assert images(layout, alone, platforms=(AMD64,)) == [one.digest]
    with pytest.raises(InvalidInputError):
        images(layout, alone, platforms=(ARM64,))


def test_an_absent_platform_is_an_error_unless_it_is_not_asked_for(layout: Layout) -> None:
    one, two = add(layout), add(layout, ARM64)
    top = index(layout, one, two)
    layout.blob_path(two.digest).unlink()
    with pytest.raises(CorruptLayoutError, match="lacks what its index names: linux/arm64"):
        images(layout, top)
    assert images(layout, top, platforms=(AMD64,)) == [one.digest]
    said: list[str] = []
    partial = Source(layout, (top,), partial=True)
    assert [image.digest for image in partial.images((), said.append)] == [one.digest]
    assert said == ["not judged, because it is not there: linux/arm64"]
    layout.blob_path(one.digest).unlink()
    with pytest.raises(CorruptLayoutError):
        partial.images((), said.append)
    layout.blob_path(top.digest).unlink()
    with pytest.raises(CorruptLayoutError, match="lacks blob"):
        images(layout, top)


def manifest(**changes: object) -> dict[str, Any]:
    config = Descriptor(CONFIG, "sha256:" + "0" * 64, 2).to_json()
    return {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [], **changes}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (manifest(manifests=[]), "no unambiguous manifest"),
        (manifest(fsLayers=[]), "no unambiguous manifest"),
        (manifest(schemaVersion=1), "no unambiguous manifest"),
        (manifest(mediaType=DOCKER_MANIFEST), "another media type"),
        (manifest(mediaType=7), "media type"),
        (manifest(layers={}), "no list of layers"),
        (manifest(config={}), "malformed"),
        ([], "JSON object"),
    ],
)
def test_a_manifest_of_two_meanings_is_an_error(value: object, said: str, layout: Layout) -> None:
    with pytest.raises(CorruptLayoutError, match=said):
        images(layout, layout.add_json(value, MANIFEST))


def test_a_repeated_key_is_an_error(layout: Layout) -> None:
    image = add(layout)
    twice = layout.read(image).replace(b'"layers"', b'"layers":[],"layers"', 1)
    with pytest.raises(CorruptLayoutError, match="repeats a key"):
        images(layout, layout.add(twice, MANIFEST))


@pytest.mark.parametrize(
    ("media", "said"),
    [
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", "schema 1"),
        ("application/vnd.example", "no image manifest or index"),
    ],
)
def test_what_is_neither_manifest_nor_index_is_an_error(
    media: str, said: str, layout: Layout
) -> None:
    strange = layout.add(b"{}", media)
    for top in (strange, index(layout, add(layout), strange)):
        with pytest.raises(CorruptLayoutError, match=said):
            images(layout, top)


def test_too_many_manifests_are_refused(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgforge.sources.parts.MAX_IMAGES", 2)
    with pytest.raises(CorruptLayoutError, match="over 2 manifests"):
        images(layout, index(layout, add(layout), add(layout, ARM64)))


def test_a_tag_chooses_in_a_layout(layout: Layout) -> None:
    one, two = add(layout), add(layout, ARM64)
    note = "org.opencontainers.image.ref.name"
    layout.write_index(
        dataclasses.replace(image, annotations={note: tag})
        for image, tag in ((one, "1"), (one, "latest"), (two, "2"))
    )
    with open_source(parse(f"oci:{layout.path}:latest"), say=print) as source:
        assert source.digest() == one.digest
    with open_source(parse(str(layout.path)), say=print) as source:
        assert source.digest() == ""
        assert len(source.images((), print)) == 2
