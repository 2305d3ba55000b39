from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest

from imgforge.oci.layout import CorruptLayoutError, Layout
from imgforge.oci.types import CONFIG, INDEX, MANIFEST, Descriptor, Platform, sha256


def image(layout: Layout, text: bytes = b"layer") -> Descriptor:
    config = layout.add_json({"x": 1}, CONFIG)
    layer = layout.add(text, "application/vnd.oci.image.layer.v1.tar")
    manifest = {"schemaVersion": 2, "config": config.to_json(), "layers": [layer.to_json()]}
    return layout.add_json(manifest, MANIFEST, platform=Platform("linux", "amd64"))


def test_what_is_added_is_read_back_and_checked(tmp_path: Path) -> None:
    layout = Layout.create(tmp_path)
    descriptor = layout.add(b"hello", "text/plain")
    assert layout.read(descriptor) == b"hello"
    layout.blob_path(descriptor.digest).write_bytes(b"hellO")
    with pytest.raises(CorruptLayoutError, match="does not match"):
        layout.read(descriptor)


def test_a_longer_or_shorter_blob_than_its_descriptor_is_refused(tmp_path: Path) -> None:
    layout = Layout.create(tmp_path)
    descriptor = layout.add(b"hello", "text/plain")
    for size in (4, 6):
        with pytest.raises(CorruptLayoutError):
            layout.read(Descriptor("text/plain", descriptor.digest, size))


@pytest.mark.parametrize("digest", ["sha256:../../etc/passwd", "md5:abc", "sha256:" + "A" * 64, ""])
def test_only_sha256_digests_become_paths(tmp_path: Path, digest: str) -> None:
    with pytest.raises(CorruptLayoutError):
        Layout.create(tmp_path).blob_path(digest)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"manifests": 5}', '{"manifests": [{}]}', "[" * 9999]
)
def test_a_malformed_index_is_one_clear_error(tmp_path: Path, text: str) -> None:
    layout = Layout.create(tmp_path)
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(CorruptLayoutError):
        layout.index()


def test_what_is_no_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptLayoutError, match="not an OCI image layout"):
        Layout.open(tmp_path)
    (tmp_path / "oci-layout").write_text('{"imageLayoutVersion":"2"}')
    with pytest.raises(CorruptLayoutError, match="unknown imageLayoutVersion"):
        Layout.open(tmp_path)


def test_referrers_are_found_by_their_subject(tmp_path: Path) -> None:
    layout = Layout.create(tmp_path)
    one, other = image(layout), image(layout, b"other")
    about = layout.attach(one, b"{}", "application/x", {"a": "b"})
    layout.write_index([one, other, about])
    assert [d.digest for d in layout.referrers(one.digest)] == [about.digest]
    assert layout.referrers(other.digest) == []


def test_an_image_moves_with_everything_under_it(tmp_path: Path) -> None:
    source, target = Layout.create(tmp_path / "a"), Layout.create(tmp_path / "b")
    child = image(source)
    index = source.add_json({"schemaVersion": 2, "manifests": [child.to_json()]}, INDEX)
    target.import_image(source, index)
    assert target.images(index) == [child]
    assert target.read(source.children(index)[0])


def test_an_index_that_contains_itself_ends(tmp_path: Path) -> None:
    layout = Layout.create(tmp_path)
    inner = layout.add_json({"schemaVersion": 2, "manifests": []}, INDEX)
    outer = layout.add_json({"schemaVersion": 2, "manifests": [inner.to_json()] * 3}, INDEX)
    with pytest.raises(CorruptLayoutError, match="holds no image"):
        layout.images(outer)


def test_prune_keeps_what_the_index_reaches(tmp_path: Path) -> None:
    layout = Layout.create(tmp_path)
    kept = image(layout)
    stray = layout.add(b"stray", "text/plain")
    layout.write_index([kept])
    assert layout.prune() == 5
    assert not layout.has(stray.digest)
    assert layout.read(kept)


def test_a_write_that_fails_leaves_no_trace(tmp_path: Path) -> None:
    layout = Layout.create(tmp_path)
    with contextlib.suppress(RuntimeError), layout.writer() as file:
        file.write(b"half")
        raise RuntimeError
    assert not list((tmp_path / "blobs").glob(".incoming*"))


def test_the_index_is_canonical(tmp_path: Path) -> None:
    layout = Layout.create(tmp_path)
    layout.write_index([Descriptor(MANIFEST, sha256(b""), 0)])
    data = (tmp_path / "index.json").read_bytes()
    assert data == json.dumps(json.loads(data), sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize("place", ["oci-layout", "index.json", "blob"])
@pytest.mark.parametrize("kind", ["pipe", "endless", "folder"])
def test_only_regular_files_are_read(place: str, kind: str, tmp_path: Path) -> None:
    layout = Layout.create(tmp_path)
    blob = layout.add(b"{}", CONFIG)
    layout.write_index([blob])
    path = layout.blob_path(blob.digest) if place == "blob" else tmp_path / place
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "endless":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(CorruptLayoutError):
        Layout.open(tmp_path).read(layout.index()[0])
