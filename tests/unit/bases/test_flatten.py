from __future__ import annotations

import dataclasses
import gzip
import io
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import signedbase
from fakeregistry import FakeRegistry, serve
from signedbase import AMD64, ARM64

from imgforge import bases
from imgforge.bases import flatten
from imgforge.errors import BuildFailedError, RegistryError
from imgforge.oci.layer import Entry
from imgforge.oci.layout import Layout
from imgforge.oci.types import (
    CONFIG,
    DOCKER_LAYER_GZIP,
    DOCKER_MANIFEST,
    INDEX,
    LAYER_GZIP,
    MANIFEST,
    Descriptor,
    Platform,
    sha256,
)

Member = tuple[str, dict[str, object], bytes]

SPARSE = {"GNU.sparse.map": "7,1", "GNU.sparse.numblocks": "1", "GNU.sparse.size": "9"}


def file(name: str, data: bytes = b"x", **fields: object) -> Member:
    return name, {"mode": 0o644, **fields}, data


def directory(name: str, mode: int = 0o755) -> Member:
    return name, {"type": tarfile.DIRTYPE, "mode": mode}, b""


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE, mode: int = 0o777) -> Member:
    return name, {"type": kind, "linkname": target, "mode": mode}, b""


def packed(members: Sequence[Member]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, fields, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for field, value in fields.items():
                setattr(info, field, value)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def image(
    layout: Layout,
    *layers: Sequence[Member],
    platform: Platform | None = AMD64,
    docker: bool = False,
) -> Descriptor:
    tars = [packed(members) for members in layers]
    media = DOCKER_LAYER_GZIP if docker else LAYER_GZIP
    config = {
        **(platform or AMD64).to_json(),
        "created": "2026-01-09T10:00:00Z",
        "config": {"Env": ["A=b"], "User": "65532:65532"},
        "rootfs": {"type": "layers", "diff_ids": [sha256(tar) for tar in tars]},
        "history": [{"created_by": "x"} for _ in tars],
    }
    kind = DOCKER_MANIFEST if docker else MANIFEST
    manifest = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": layout.add_json(config, CONFIG).to_json(),
        "layers": [layout.add(gzip.compress(tar, mtime=0), media).to_json() for tar in tars],
    }
    return layout.add_json(manifest, kind, platform=platform)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.create(tmp_path / "source")


def flat(layout: Layout, top: Descriptor) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    """Flatten one image; return the members of the one layer."""
    target = Layout.create(layout.path.parent / "flat")
    made = flatten.flatten(layout, top, target)
    (layer,) = target.read_json(made)["layers"]
    found = {}
    with tarfile.open(target.blob_path(layer["digest"])) as tar:
        names = tar.getnames()
        assert len(names) == len(set(names))
        for member in tar:
            content = tar.extractfile(member) if member.isfile() or member.islnk() else None
            found[member.name] = (member, content.read() if content else b"")
    return found


CAPABILITY = {"SCHILY.xattr.security.capability": "\x01\x00\x00\x02"}


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ([file("bin/su", mode=0o4755)], ["bin/su"]),
        ([file("bin/wall", mode=0o2755)], ["bin/wall"]),
        ([file("bin/ping", pax_headers=CAPABILITY)], ["bin/ping"]),
        ([file("a"), link("b", "a", tarfile.LNKTYPE, 0o4755)], ["b"]),
        ([directory("var/mail", 0o2775), directory("tmp", 0o1777), file("bin/cat")], []),
    ],
)
def test_bits_are_found_in_any_layer(
    layout: Layout, members: list[Member], found: list[str]
) -> None:
    assert flatten.bits(layout, image(layout, members, [file("other")])) == found
    hidden = [file(os.path.join(os.path.dirname(n), ".wh." + os.path.basename(n))) for n in found]  # noqa: PTH118, PTH119, PTH120 - paths of a tar
    assert flatten.bits(layout, image(layout, members, hidden)) == found


def test_what_the_layers_add_up_to_is_written_without_the_bits(layout: Layout) -> None:
    top = image(
        layout,
        [
            directory("usr"),
            directory("usr/bin"),
            link("bin", "usr/bin"),
            file("usr/bin/su", b"su", mode=0o4755, uid=0, gid=7),
            file("usr/bin/cat", b"cat", mode=0o755, uid=65532, gid=65532),
            file("usr/bin/gone", b"gone", mode=0o6755),
            directory("opt"),
            file("opt/old", b"old"),
            directory("opt/deep"),
            file("opt/deep/older", b"older"),
            file("data", b"one", pax_headers=CAPABILITY),
            link("same", "data", tarfile.LNKTYPE, 0o644),
            directory("tmp", 0o1777),
            directory("var/mail", 0o2775),
        ],
        [
            file("bin/.wh.gone", b""),
            file("opt/.wh..wh..opq", b""),
            file("opt/new", b"new"),
            file("bin/cat", b"another cat", mode=0o2755),
            link("usr/bin/dog", "/bin/cat"),
            file("data", b"two"),
            file("e\u00e9" + "x" * 120, b"long"),
        ],
    )
    found = flat(layout, top)
    assert sorted(found) == sorted(
        {
            *("bin", "data", "opt", "opt/new", "same", "tmp", "usr", "usr/bin", "usr/bin/cat"),
            *("usr/bin/dog", "usr/bin/su", "var", "var/mail", "e\u00e9" + "x" * 120),
        }
    )
    contents = {name: data for name, (_, data) in found.items() if data}
    assert contents == {
        "data": b"two",
        "opt/new": b"new",
        "same": b"one",
        "usr/bin/cat": b"another cat",
        "usr/bin/su": b"su",
        "e\u00e9" + "x" * 120: b"long",
    }
    assert {m.mode & 0o6000 for m, _ in found.values()} == {0}
    assert not any(m.pax_headers.keys() - {"path"} for m, _ in found.values())
    assert found["tmp"][0].mode == 0o1777
    assert (found["usr/bin/su"][0].uid, found["usr/bin/su"][0].gid) == (0, 7)
    assert found["usr/bin/dog"][0].linkname == "/bin/cat"
    assert found["bin"][0].issym()


def test_names_of_one_file_stay_one_file(layout: Layout) -> None:
    found = flat(
        layout,
        image(
            layout,
            [
                file("b", b"content", mode=0o4755),
                link("a", "b", tarfile.LNKTYPE, 0o4755),
                link("c", "b", tarfile.LNKTYPE, 0o4755),
            ],
            [file("d"), file(".wh.b", b"")],
        ),
    )
    assert [(n, m.islnk(), m.linkname, m.mode) for n, (m, _) in found.items() if n != "d"] == [
        ("a", False, "", 0o755),
        ("c", True, "a", 0o755),
    ]
    assert found["c"][1] == b"content"


def test_large_files_are_streamed(layout: Layout) -> None:
    data = os.urandom(3 << 20) + b"end"
    found = flat(layout, image(layout, [file("x", b"1"), file("big", data), file("y", b"2")]))
    assert {name: content for name, (_, content) in found.items()} == {
        "x": b"1",
        "big": data,
        "y": b"2",
    }


def test_the_index_keeps_platforms_and_configuration_and_loses_the_rest(layout: Layout) -> None:
    arm = Platform("linux", "arm64", "v8")
    both = [image(layout, [file("su", mode=0o4755)], platform=p) for p in (AMD64, arm)]
    note = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": layout.add_json({"architecture": "unknown", "os": "unknown"}, CONFIG).to_json(),
        "layers": [layout.add(b"{}", "application/vnd.in-toto+json").to_json()],
    }
    unknown = layout.add_json(note, MANIFEST, platform=Platform("unknown", "unknown"))
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [d.to_json() for d in (*both, unknown)],
    }
    top = layout.add_json(index, INDEX)
    assert flatten.bits(layout, top) == ["su"]
    target = Layout.create(layout.path.parent / "target")
    made = flatten.flatten(layout, top, target)
    assert [i.platform for i in target.images(made)] == [AMD64, arm]
    for each in target.images(made):
        config = target.read_json(Descriptor.from_json(target.read_json(each)["config"]))
        assert config["config"] == {"Env": ["A=b"], "User": "65532:65532"}
        assert config["created"] == "2026-01-09T10:00:00Z"
        assert "history" not in config
        assert len(config["rootfs"]["diff_ids"]) == 1
    again = Layout.create(layout.path.parent / "again")
    assert flatten.flatten(layout, top, again) == made


def test_dockers_media_types_become_ocis(layout: Layout) -> None:
    top = image(layout, [file("su", mode=0o4755)], platform=None, docker=True)
    target = Layout.create(layout.path.parent / "target")
    made = flatten.flatten(layout, top, target)
    assert made.media_type == MANIFEST
    assert target.read_json(made)["layers"][0]["mediaType"] == LAYER_GZIP


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ([[("null", {"type": tarfile.CHRTYPE, "mode": 0o666}, b"")]], "device node"),
        ([[("pipe", {"type": tarfile.FIFOTYPE, "mode": 0o666}, b"")]], "special file"),
        ([[file("../out")]], "climbs out"),
        ([[file("/etc/x")]], "absolute"),
        ([[file("a"), link("b", "../../a", tarfile.LNKTYPE)]], "climbs out"),
        ([[link("b", "missing", tarfile.LNKTYPE)]], "no file"),
        ([[file("a", b"1"), file("a", b"2")]], "twice in one layer"),
        ([[link("a", "b"), link("b", "a")], [file("a/x")]], "loop"),
        ([[file("a")], [file("a/b")]], "no directory"),
        ([[file("a", uid=1 << 21)]], "belongs to"),
        ([[file("a", pax_headers=SPARSE)]], "sparse"),
    ],
)
def test_what_no_base_may_hold_is_an_error(
    layout: Layout, layers: list[list[Member]], reason: str
) -> None:
    top = image(layout, *layers)
    with pytest.raises(RegistryError) as error:
        flatten.flatten(layout, top, Layout.create(layout.path.parent / "flat"))
    assert reason in " ".join([error.value.message, *error.value.details])
    assert not (layout.path.parent / "out").exists()


def test_archives_that_nobody_could_read_are_no_reason_to_refuse_a_base(layout: Layout) -> None:
    damaged = file("usr/lib/python3/test/broken.gz", b"\x1f\x8bbroken")
    assert flatten.flatten(layout, image(layout, [damaged]), layout).digest


def test_a_layer_that_is_not_what_the_configuration_says_is_an_error(layout: Layout) -> None:
    top = image(layout, [file("a")])
    manifest = layout.read_json(top)
    manifest["layers"] = [layout.add(gzip.compress(packed([file("b")])), LAYER_GZIP).to_json()]
    lying = layout.add_json(manifest, MANIFEST)
    with pytest.raises(RegistryError, match="cannot be a base"):
        flatten.bits(layout, lying)


def test_a_base_with_bits_is_flattened_once_and_made_again_alike(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    entries = [Entry("su", 0o4755, data=b"su"), Entry("cat", 0o755, data=b"cat")]
    top = signedbase.make(layout, entries, [Entry("su", 0o755, data=b"su")])
    policy = signedbase.exempting(tmp_path)
    with serve(FakeRegistry()) as registry:
        signedbase.put(registry, layout, top, tag="1")
        name = f"{registry.place}/team/base:1"
        base = bases.resolve(name, (AMD64, ARM64), policy=policy, say=said.append)
        assert base.upstream == top.digest
        assert base.digest != top.digest
        assert any("ships 1 files with setuid bits" in line for line in said)
        path = bases.ensure(base, offline=True, say=said.append)
        flattened = Layout.open(path)
        assert flatten.bits(flattened, flattened.index()[0]) == []
        assert [p.digest for p in base.platforms] == [
            i.digest for i in flattened.images(flattened.index()[0])
        ]
        monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path / "other"))
        again = bases.ensure(base, say=said.append)
        assert (again.name, again.is_relative_to(tmp_path / "other")) == (path.name, True)
        # A lock that names the image as it is gets no image with bits either.
        as_it_is = dataclasses.replace(base, digest=top.digest, upstream="")
        with pytest.raises(BuildFailedError, match="differs from the lock"):
            bases.ensure(as_it_is, say=said.append)


def test_two_images_that_flatten_to_one_are_both_held(layout: Layout, tmp_path: Path) -> None:
    policy = signedbase.exempting(tmp_path)
    with serve(FakeRegistry()) as registry:
        locked = []
        for tag, layers in (
            ("one", [[Entry("su", 0o4755, data=b"su")]]),
            ("two", [[Entry("su", 0o755, data=b"other")], [Entry("su", 0o4755, data=b"su")]]),
        ):
            signedbase.put(registry, layout, signedbase.make(layout, *layers), tag=tag)
            name = f"{registry.place}/team/base:{tag}"
            locked.append(bases.resolve(name, (AMD64,), policy=policy, say=print))
    assert locked[0].digest == locked[1].digest
    assert locked[0].upstream != locked[1].upstream
    for base in locked:
        bases.ensure(base, offline=True, say=print)
