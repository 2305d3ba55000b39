"""Indexes that list themselves into work without end."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
from fakeregistry import FakeRegistry, serve

from imgforge.errors import RegistryError
from imgforge.oci.layout import CorruptLayoutError, Layout
from imgforge.oci.reference import Reference
from imgforge.oci.registry import Registry
from imgforge.oci.types import Descriptor, Platform


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.create(tmp_path / "layout")


def doubled(layout: Layout, depth: int) -> Descriptor:
    """Return an index of an index of an index, each of which lists the next one twice."""
    top = tiny.index(layout, tiny.image(layout))
    for _ in range(depth):
        top = tiny.index(layout, top, top)
    return top


def test_what_is_listed_twice_is_taken_once(layout: Layout, tmp_path: Path) -> None:
    top = doubled(layout, 60)
    begun = time.monotonic()
    other = Layout.create(tmp_path / "other")
    other.import_image(layout, top)
    assert len(other.images(top)) == 1
    assert time.monotonic() - begun < 5


def test_an_index_of_one_image_in_thousands_of_places_is_one_of_one(layout: Layout) -> None:
    image = tiny.image(layout)
    top = tiny.index(layout, *[image] * 20_000)
    assert len(layout.images(top)) == 1


def test_an_image_for_thousands_of_platforms_is_too_many(layout: Layout) -> None:
    image = tiny.image(layout)
    many = [replace(image, platform=Platform("linux", f"a{n}")) for n in range(513)]
    with pytest.raises(CorruptLayoutError, match="over 512 images"):
        layout.images(tiny.index(layout, *many))


def test_a_registry_cannot_have_more_listed_than_is_fetched(layout: Layout, tmp_path: Path) -> None:
    image = tiny.image(layout)
    many = [Descriptor(image.media_type, f"sha256:{n:064x}", 1) for n in range(20_000)]
    top = tiny.index(layout, *many)
    with serve(FakeRegistry()) as served:
        served.manifests[top.digest] = (top.media_type, layout.read(top))
        with (
            Registry(Reference.parse(f"{served.place}/acme/web@{top.digest}")) as registry,
            pytest.raises(RegistryError, match="over 512 manifests"),
        ):
            registry.fetch_manifests(top, Layout.create(tmp_path / "other"), None)
        assert sum("/manifests/" in seen.path for seen in served.seen) == 1


def test_a_descriptor_of_megabytes_is_told_in_a_line() -> None:
    for value in ({"mediaType": ["x" * 1_000_000]}, {"mediaType": "x", "digest": "y" * 1_000_000}):
        with pytest.raises(ValueError, match="descriptor has mediaType") as caught:
            Descriptor.from_json(value)
        assert len(str(caught.value)) < 300
