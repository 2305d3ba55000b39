from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import madeimage as made
import pytest
import signedbase
from fakeregistry import FakeRegistry, Reply, Seen, serve

from imgforge.analysis import ImageFacts, analyse
from imgforge.errors import InvalidInputError, RegistryError, TransientError
from imgforge.oci.layout import Layout, references
from imgforge.oci.types import INDEX, MANIFEST, Descriptor, Platform
from imgforge.sources import open_source, parse

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
BASE, APP = made.tar(made.file("base")), made.tar(made.file("app"))


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with serve(FakeRegistry()) as registry:
        yield registry


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.create(tmp_path / "layout")


@pytest.fixture
def top(layout: Layout) -> Descriptor:
    images = []
    for platform in (AMD64, ARM64):
        image = made.add(layout, [BASE, APP], os=platform.os, architecture=platform.architecture)
        images.append(dataclasses.replace(image, platform=platform).to_json())
    return layout.add_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": images}, INDEX)


def judged(
    registry: FakeRegistry,
    name: str = "acme/web:1",
    *,
    platforms: tuple[Platform, ...] = (),
    cache: Path | None = None,
) -> list[ImageFacts]:
    said: list[str] = []
    with open_source(parse(f"{registry.place}/{name}"), say=said.append) as source:
        return [
            analyse(source.blobs, image, cache=cache)
            for image in source.images(platforms, said.append)
        ]


def test_an_image_is_read_from_a_registry_as_from_a_layout(
    registry: FakeRegistry, layout: Layout, top: Descriptor
) -> None:
    signedbase.put(registry, layout, top, "1")
    assert judged(registry) == [analyse(layout, image) for image in layout.images(top)]
    (only,) = judged(registry, f"acme/web@{top.digest}", platforms=(ARM64,))
    assert only.platform == ARM64


def test_a_tag_is_resolved_once(registry: FakeRegistry, layout: Layout, top: Descriptor) -> None:
    signedbase.put(registry, layout, top, "1")
    judged(registry)
    asked = [seen.path for seen in registry.calls("GET", "/manifests/")]
    assert asked[0].endswith("/manifests/1")
    assert len(asked) == len(set(asked)) == 3


def test_a_layer_that_is_known_is_not_fetched(
    registry: FakeRegistry, layout: Layout, top: Descriptor, tmp_path: Path
) -> None:
    (tmp_path / "facts").mkdir()
    signedbase.put(registry, layout, top, "1")
    first = judged(registry, cache=tmp_path / "facts")
    registry.seen.clear()
    assert judged(registry, cache=tmp_path / "facts") == first
    layers = [layer.digest for layer in first[0].layers]
    fetched = [seen.path.rpartition("/")[2] for seen in registry.calls("GET", "/blobs/")]
    assert fetched
    assert not set(layers) & set(fetched)


@pytest.mark.parametrize("what", ["layer", "config", "manifest"])
@pytest.mark.parametrize("how", ["exchanged", "longer", "missing"])
def test_a_registry_that_lies_is_an_error(
    what: str, how: str, registry: FakeRegistry, layout: Layout, top: Descriptor
) -> None:
    signedbase.put(registry, layout, top, "1")
    image = layout.images(top)[0]
    config, *layers = references(layout.read_json(image))
    digest = {"layer": layers[0], "config": config, "manifest": image}[what].digest

    def lie(seen: Seen) -> Reply | None:
        if not seen.path.endswith(digest):
            return None
        data = registry.blobs.get(digest) or registry.manifests[digest][1]
        if how == "missing":
            return Reply(404)
        data = data + b"\n" if how == "longer" else data[:-1] + bytes([data[-1] ^ 1])
        return Reply(200, {"Content-Type": MANIFEST}, data)

    registry.fault = lie
    with pytest.raises(RegistryError):
        judged(registry)


def test_a_layer_that_breaks_off_is_fetched_again(
    registry: FakeRegistry, layout: Layout, top: Descriptor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgforge.oci.transport._FIRST_WAIT", 0.001)
    signedbase.put(registry, layout, top, "1")
    digest = references(layout.read_json(layout.images(top)[0]))[1].digest
    broken: list[str] = []

    def fail(seen: Seen) -> Reply | None:
        if seen.path.endswith(digest) and len(broken) < 2:
            broken.append(seen.path)
            return Reply(200, {}, registry.blobs[digest], cut=True)
        return None

    registry.fault = fail
    assert len(judged(registry)) == 2
    assert len(broken) == 2


def test_a_foreign_layer_is_a_problem_and_no_way_past(
    registry: FakeRegistry, layout: Layout
) -> None:
    image = made.add(layout, [BASE])
    manifest = layout.read_json(image)
    manifest["layers"][0] |= {
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "urls": ["https://elsewhere.example/layer"],
    }
    foreign = layout.add_json(manifest, MANIFEST)
    signedbase.put(registry, layout, foreign, "1")
    assert judged(registry)[0].layers[0].problems == ()
    del registry.blobs[manifest["layers"][0]["digest"]]
    (problem,) = judged(registry)[0].layers[0].problems
    assert (problem.kind, "foreign layer" in problem.detail) == ("digest", True)


def test_no_such_image_says_where_else_it_may_be(registry: FakeRegistry) -> None:
    with pytest.raises(RegistryError, match="no such image") as caught:
        judged(registry)
    assert caught.value.hint
    assert f"docker-daemon:{registry.place}/acme/web:1" in caught.value.hint


def test_a_registry_that_does_not_answer_says_so(
    registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgforge.oci.transport._FIRST_WAIT", 0.001)
    registry.fault = lambda _: Reply(503)
    with pytest.raises(TransientError, match="status 503"):
        judged(registry)


def test_offline_no_registry_is_asked(registry: FakeRegistry) -> None:
    name = parse(f"{registry.place}/acme/web:1")
    with (
        pytest.raises(InvalidInputError, match="offline"),
        open_source(name, say=print, offline=True),
    ):
        pass
    assert registry.seen == []


def test_a_mirror_is_asked_first_and_passed_over_when_it_lacks_something(
    registry: FakeRegistry, layout: Layout, top: Descriptor, monkeypatch: pytest.MonkeyPatch
) -> None:
    signedbase.put(registry, layout, top, "1")
    with serve(FakeRegistry()) as mirror:
        signedbase.put(mirror, layout, top, "1")
        del mirror.blobs[references(layout.read_json(layout.images(top)[0]))[1].digest]
        monkeypatch.setenv("IMGFORGE_REGISTRY_MIRRORS", f"{registry.place}={mirror.place}/hub")
        assert len(judged(registry)) == 2
        assert mirror.calls("GET", "/manifests/1")
    assert not registry.calls("GET", "/manifests/1")
    assert registry.calls("GET", "/blobs/")


def test_too_many_bytes_of_manifests_are_refused(
    registry: FakeRegistry, layout: Layout, top: Descriptor, monkeypatch: pytest.MonkeyPatch
) -> None:
    signedbase.put(registry, layout, top, "1")
    monkeypatch.setattr("imgforge.sources.remote._HELD", 600)
    with pytest.raises(RegistryError, match="bytes of manifests"):
        judged(registry)
