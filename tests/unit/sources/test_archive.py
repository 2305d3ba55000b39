from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import madeimage as made
import pytest
import savedimage
import zstandard

from imgforge.analysis import ImageFacts, analyse
from imgforge.errors import InvalidInputError
from imgforge.oci.layout import CorruptLayoutError, Layout, references
from imgforge.oci.types import Descriptor, sha256
from imgforge.sources import open_source, parse

LAYERS = [
    made.tar(made.file("etc/passwd", made.PASSWD), made.file("app/run", b"x", 0o4755)),
    made.tar(made.file("app/other")),
]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.create(tmp_path / "layout")


@pytest.fixture
def image(layout: Layout) -> Descriptor:
    image = made.add(layout, LAYERS)
    layout.write_index([image])
    return image


def facts(name: str) -> list[ImageFacts]:
    said: list[str] = []
    with open_source(parse(name), say=said.append) as source:
        return [analyse(source.blobs, image) for image in source.images((), said.append)]


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd])
def test_an_oci_archive_is_its_layout(
    layout: Layout, image: Descriptor, pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    name = savedimage.written(tmp_path / "image.tar", pack(savedimage.oci(layout)))
    assert facts(name) == [analyse(layout, image)]


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_docker_archive_has_the_same_files_under_other_digests(
    layout: Layout,
    image: Descriptor,
    pack: Callable[[bytes], bytes],
    legacy: bool,  # noqa: FBT001 - a parameter of the test
    tmp_path: Path,
) -> None:
    data = savedimage.docker(layout, image, legacy=legacy, pack=pack)
    (found,) = facts(savedimage.written(tmp_path / "image.tar", data))
    same = analyse(layout, image)
    assert found.problems == ()
    assert found.files == same.files
    assert found.config == same.config
    assert found.digest == layout.read_json(image)["config"]["digest"]
    assert [layer.diff_id for layer in found.layers] == [layer.diff_id for layer in same.layers]
    if pack is bytes:
        assert [layer.digest for layer in found.layers] == [sha256(raw) for raw in LAYERS]


def test_a_layer_used_twice_is_a_link_in_an_old_archive(layout: Layout, tmp_path: Path) -> None:
    image = made.add(layout, [LAYERS[1], LAYERS[0], LAYERS[1]])
    data = savedimage.docker(layout, image, legacy=True)
    (found,) = facts(savedimage.written(tmp_path / "image.tar", data))
    assert found.problems == ()
    assert len(found.layers) == 3


def test_a_name_chooses_one_of_several_images(
    layout: Layout, image: Descriptor, tmp_path: Path
) -> None:
    other = made.add(layout, LAYERS[1:])
    one = savedimage.docker(layout, image, names=["docker.io/acme/web:1"])
    two = savedimage.docker(layout, other, names=["acme/web:2"])
    both = [json.loads(savedimage.member(archive, "manifest.json"))[0] for archive in (one, two)]
    data = savedimage.joined(one, two, {"manifest.json": json.dumps(both).encode()})
    path = savedimage.written(tmp_path / "image.tar", data)
    assert len(facts(path)) == 2
    (found,) = facts(f"docker-archive:{path}:acme/web:1")
    assert len(found.layers) == 2
    with pytest.raises(InvalidInputError) as caught:
        facts(f"docker-archive:{path}:acme/web:3")
    assert caught.value.hint == "it names acme/web:2, docker.io/acme/web:1"


def hybrid(layout: Layout, image: Descriptor) -> bytes:
    config, *layers = references(layout.read_json(image))
    blobs = ["blobs/" + d.digest.replace(":", "/") for d in (config, *layers)]
    manifest = [{"Config": blobs[0], "RepoTags": None, "Layers": blobs[1:]}]
    return savedimage.oci(layout, made.file("manifest.json", json.dumps(manifest).encode()))


def test_an_archive_of_both_kinds_is_read_as_oci(
    layout: Layout, image: Descriptor, tmp_path: Path
) -> None:
    name = savedimage.written(tmp_path / "image.tar", hybrid(layout, image))
    assert [f.digest for f in facts(name)] == [image.digest]
    (docker,) = facts(f"docker-archive:{name}")
    assert docker.digest == layout.read_json(image)["config"]["digest"]
    assert docker.problems == ()


def test_an_archive_of_two_minds_is_refused(
    layout: Layout, image: Descriptor, tmp_path: Path
) -> None:
    other = made.add(layout, LAYERS[1:])
    name = savedimage.written(tmp_path / "image.tar", hybrid(layout, other))
    with pytest.raises(CorruptLayoutError, match="two archives in one"):
        facts(name)
    assert [f.digest for f in facts(f"oci-archive:{name}")] == [image.digest]


def problems(name: str) -> set[str]:
    return {
        problem.kind
        for found in facts(name)
        for problem in (
            *(p for _, p in found.problems),
            *(p for x in found.layers for p in x.problems),
        )
    }


def test_a_layer_that_is_not_what_it_says_is_a_problem(
    layout: Layout, image: Descriptor, tmp_path: Path
) -> None:
    _, first, _ = references(layout.read_json(image))
    member = "blobs/" + first.digest.replace(":", "/")
    evil = made.packed(made.tar(made.file("evil")))
    archive = savedimage.oci(layout)
    name = savedimage.written(tmp_path / "1.tar", savedimage.changed(archive, {member: evil}))
    assert "digest" in problems(name)
    name = savedimage.written(tmp_path / "2.tar", savedimage.changed(archive, {member: None}))
    assert "digest" in problems(name)
    saved = savedimage.docker(layout, image)
    layer = sha256(LAYERS[0])[7:] + ".tar"
    changes: dict[str, bytes | None] = {layer: made.tar(made.file("evil"))}
    name = savedimage.written(tmp_path / "3.tar", savedimage.changed(saved, changes))
    assert "digest" in problems(name)


def test_a_second_member_cannot_hide_behind_a_diff_id(layout: Layout, tmp_path: Path) -> None:
    image = made.add(layout, [LAYERS[1], LAYERS[1]])
    evil = made.tar(made.file("evil"))
    manifest = json.loads(savedimage.member(savedimage.docker(layout, image), "manifest.json"))
    manifest[0]["Layers"][1] = "other.tar"
    data = savedimage.changed(
        savedimage.docker(layout, image, more=[made.file("other.tar", evil)]),
        {"manifest.json": json.dumps(manifest).encode()},
    )
    name = savedimage.written(tmp_path / "image.tar", data)
    assert "diff-id" in problems(name)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"manifest.json": None}, "holds no image"),
        ({"manifest.json": b"[]"}, "names no image"),
        ({"manifest.json": b"["}, "not JSON"),
        ({"manifest.json": b"[" * 100_000}, "not JSON"),
        ({"manifest.json": b'[{"Config":1,"Layers":[]}]'}, "malformed"),
        ({"manifest.json": b"[7]"}, "malformed"),
        ({"manifest.json": b'[{"Config":"x","Layers":[]}]'}, "lacks 'x'"),
        ({"manifest.json": b" " * (5 << 20)}, "over 4194304 bytes"),
        ({"CONFIG": None}, "lacks"),
        ({"CONFIG": b"{}"}, "has the digest"),
        ({"LAYER": None}, "lacks the layer"),
    ],
)
def test_a_broken_docker_archive_is_one_clear_error(
    change: dict[str, bytes | None], said: str, layout: Layout, image: Descriptor, tmp_path: Path
) -> None:
    config = layout.read_json(image)["config"]["digest"][7:] + ".json"
    names = {"CONFIG": config, "LAYER": sha256(LAYERS[0])[7:] + ".tar"}
    changes = {names.get(key, key): value for key, value in change.items()}
    data = savedimage.changed(savedimage.docker(layout, image), changes)
    with pytest.raises(CorruptLayoutError, match=said):
        facts(savedimage.written(tmp_path / "image.tar", data))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (b"{}", "no diff-ids"),
        (b'{"rootfs":[]}', "no diff-ids"),
        (b'{"rootfs":{"diff_ids":[7]}}', "no diff-ids"),
        (b'{"rootfs":{"diff_ids":[]}}', "lists 0 layers, and manifest.json 2"),
        (b"[", "malformed"),
    ],
)
def test_a_broken_configuration_is_one_clear_error(
    config: bytes, said: str, layout: Layout, image: Descriptor, tmp_path: Path
) -> None:
    archive = savedimage.docker(layout, image, more=[made.file("odd", config)])
    manifest = json.loads(savedimage.member(archive, "manifest.json"))
    manifest[0]["Config"] = "odd"
    data = savedimage.changed(archive, {"manifest.json": json.dumps(manifest).encode()})
    with pytest.raises(CorruptLayoutError, match=said):
        facts(savedimage.written(tmp_path / "image.tar", data))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"oci-layout": b"{}"}, "unknown imageLayoutVersion"),
        ({"oci-layout": b"7"}, "unknown imageLayoutVersion"),
        ({"oci-layout": b"\xff"}, "not JSON"),
        ({"index.json": b"{}"}, "lists no manifests"),
        ({"index.json": b'{"manifests":[]}'}, "holds no image"),
        ({"index.json": b'{"manifests":[{}]}'}, "mediaType"),
        ({"index.json": b" " * (50 << 20)}, "over 4194304 bytes"),
    ],
)
def test_a_broken_oci_archive_is_one_clear_error(
    change: dict[str, bytes | None], said: str, layout: Layout, image: Descriptor, tmp_path: Path
) -> None:
    del image
    data = savedimage.changed(savedimage.oci(layout), change)
    with pytest.raises(CorruptLayoutError, match=said):
        facts(savedimage.written(tmp_path / "image.tar", data))


def test_an_archive_without_digests_is_too_old(tmp_path: Path) -> None:
    data = made.tar(made.file("repositories", b"{}"), made.file("abc/layer.tar"))
    with pytest.raises(CorruptLayoutError, match=r"before 1\.10"):
        facts(savedimage.written(tmp_path / "image.tar", data))


def test_a_compressed_archive_that_is_cut_off_says_where(
    layout: Layout, image: Descriptor, tmp_path: Path
) -> None:
    del image
    data = gzip.compress(savedimage.oci(layout))
    with pytest.raises(CorruptLayoutError, match=r"corrupt after \d+ bytes.*truncated"):
        facts(savedimage.written(tmp_path / "image.tar", data[:-20]))


@pytest.mark.parametrize(
    ("head", "kind"), [(b"\xfd7zXZ\0", "xz"), (b"BZh9", "bzip2"), (b"PK\x03\x04", "zip")]
)
def test_another_compression_is_named(head: bytes, kind: str, tmp_path: Path) -> None:
    with pytest.raises(CorruptLayoutError, match=f"compressed with {kind}"):
        facts(savedimage.written(tmp_path / "image.tar", head + bytes(600)))


def test_nothing_is_left_in_the_cache(
    layout: Layout, image: Descriptor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del image
    monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "cache"))
    facts(savedimage.written(tmp_path / "image.tar", gzip.compress(savedimage.oci(layout))))
    assert [path for path in (tmp_path / "cache" / "spool").rglob("*") if path.is_file()] == []
