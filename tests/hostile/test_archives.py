"""Archives made to mislead: whatever they hold gives findings or one clear error, and soon."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import time
from pathlib import Path

import madeimage as made
import pytest
import savedimage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgforge import inspection
from imgforge.analysis.blob import Limits
from imgforge.errors import ImgforgeError
from imgforge.oci.layout import CorruptLayoutError, Layout
from imgforge.oci.types import INDEX, MANIFEST, sha256
from imgforge.policy import Policy
from imgforge.sources.members import Members

QUICK = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
LAYERS = [
    made.tar(made.file("etc/passwd", made.PASSWD), made.file("app/run", b"x", 0o755)),
    made.tar(made.symlink("app/link", "run"), made.hardlink("app/twin", "app/run")),
]
KINDS = ("oci", "docker", "legacy", "gzip")


def archive(folder: Path, kind: str) -> bytes:
    layout = Layout.create(folder / "made")
    image = made.add(layout, LAYERS, config={"User": "1000:1000", "Entrypoint": ["/app/run"]})
    layout.write_index([image])
    if kind in {"docker", "legacy"}:
        return savedimage.docker(layout, image, legacy=kind == "legacy")
    data = savedimage.oci(layout)
    return gzip.compress(data, 1, mtime=0) if kind == "gzip" else data


def judged(path: Path, data: bytes) -> set[str] | None:
    """Return the rules that ``data`` breaks; None if it was refused with a clear error."""
    path.write_bytes(data)
    try:
        asked = inspection.Request(Policy(), anew=True)
        return {f.check for f in inspection.inspect(f"{path}", asked, lambda _: None).findings}
    except ImgforgeError as error:
        assert error.exit_code in {2, 5}  # noqa: PT017 - any other is a bug
        assert error.message.isprintable()  # noqa: PT017
        return None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "image.tar"


@pytest.mark.parametrize("kind", KINDS)
def test_undamaged_they_all_pass(kind: str, path: Path) -> None:
    found = judged(path, archive(path.parent, kind))
    assert found is not None
    assert not any(check.startswith("IF04") for check in found)


@pytest.mark.parametrize("kind", KINDS)
@QUICK
@given(data=st.data())
def test_a_changed_byte_never_passes_as_another_image(
    kind: str, data: st.DataObject, path: Path
) -> None:
    good = archive(path.parent, kind)
    clean = judged(path, good)
    blob = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    found = judged(path, bytes(blob))
    # Owners, times and padding of the outer archive say nothing of the image.
    assert found is None or found == clean or any(check.startswith("IF04") for check in found)


@pytest.mark.parametrize("kind", KINDS)
@QUICK
@given(data=st.data())
def test_a_truncated_archive_never_passes(kind: str, data: st.DataObject, path: Path) -> None:
    good = archive(path.parent, kind)
    # tar ends with blocks of zeros, which say nothing when they lack.
    end = len(good.rstrip(b"\0")) if kind != "gzip" else len(good)
    found = judged(path, good[: data.draw(st.integers(0, end - 1))])
    assert found is None or any(check.startswith("IF04") for check in found)


@QUICK
@given(raw=st.binary(max_size=4096))
def test_noise_is_no_archive(raw: bytes, path: Path) -> None:
    assert judged(path, raw) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = ("Config", "Layers", "RepoTags", "manifests", "mediaType", "digest", "size", "schemaVersion",
        "config", "layers", "platform", "annotations", "rootfs", "diff_ids", "history")  # fmt: skip
LIKELY = st.recursive(
    JSON | st.sampled_from([MANIFEST, INDEX, "sha256:" + "0" * 64, "manifest.json", "..", "/"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("name", ["manifest.json", "index.json", "oci-layout"])
@QUICK
@given(value=LIKELY)
def test_any_json_in_its_place_is_answered(name: str, value: object, path: Path) -> None:
    good = archive(path.parent, "docker" if name == "manifest.json" else "oci")
    assert judged(path, savedimage.changed(good, {name: json.dumps(value).encode()})) is None


@QUICK
@given(value=LIKELY, index=st.booleans())
def test_any_json_as_a_manifest_is_answered(value: object, index: bool, path: Path) -> None:  # noqa: FBT001
    layout = Layout.create(path.parent / "any")
    layout.write_index([layout.add_json(value, INDEX if index else MANIFEST)])
    assert judged(path, savedimage.oci(layout)) is None


@QUICK
@given(value=LIKELY)
def test_any_json_as_a_configuration_is_answered(value: object, path: Path) -> None:
    config = json.dumps(value).encode()
    manifest: list[object] = [{"Config": "c", "RepoTags": None, "Layers": []}]
    data = made.tar(
        made.file("c", config), made.file("manifest.json", json.dumps(manifest).encode())
    )
    judged(path, data)


NAMES = st.lists(
    st.sampled_from(["a", "b", "index.json", "..", ".", "", "/", "a/b", "\udcff", "x" * 120]),
    min_size=1,
    max_size=4,
).map("/".join)


@QUICK
@given(
    entries=st.lists(
        st.tuples(NAMES, NAMES, st.sampled_from([*b"0123456xgLKSV\0"]), st.binary(max_size=40)),
        max_size=8,
    )
)
def test_odd_members_are_indexed_or_refused(
    entries: list[tuple[str, str, int, bytes]], path: Path
) -> None:
    out = bytearray()
    for name, link, kind, data in entries:
        info = tarfile.TarInfo(name)
        info.linkname, info.type, info.size = link, bytes([kind]), len(data)
        block = bytearray(info.tobuf(tarfile.GNU_FORMAT, errors="surrogateescape"))
        out += block + data + bytes(-len(data) % 512)
    path.write_bytes(out + bytes(1024))
    with path.open("rb", buffering=0) as file:
        try:
            found = Members(file, "image.tar")
        except CorruptLayoutError:
            return
        for name, _, _, _ in entries:
            try:
                found.open(name).close()
            except (OSError, CorruptLayoutError):
                continue


@pytest.mark.parametrize("name", ["../../x", "/etc/cron.d/x", "a/../../x"])
@pytest.mark.parametrize("kind", ["oci", "docker"])
def test_a_member_that_climbs_out_is_refused_and_nothing_is_written(
    kind: str, name: str, path: Path
) -> None:
    good = archive(path.parent, kind)
    before = sorted(path.parent.rglob("*"))
    with tarfile.open(fileobj=io.BytesIO(good)) as source:
        members = [(i, f.read()) for i in source if (f := source.extractfile(i)) is not None]
    assert judged(path, made.tar(*members, made.file(name, b"evil"))) is None
    assert sorted(path.parent.rglob("*")) == sorted([*before, path])


def test_a_link_cannot_bring_in_a_file_of_this_machine(path: Path) -> None:
    secret = path.parent / "secret.json"
    secret.write_bytes(b"{}")
    for target in (str(secret), "../" * 20 + str(secret)[1:]):
        link = made.symlink("index.json", target)
        assert judged(path, made.tar(made.file("oci-layout", b"{}"), link)) is None


def test_a_duplicate_that_another_tool_would_take_is_refused(path: Path) -> None:
    layout = Layout.create(path.parent / "two")
    good, evil = (made.add(layout, [layer]) for layer in LAYERS)
    layout.write_index([good])
    data = savedimage.oci(layout)
    other = json.dumps({"schemaVersion": 2, "manifests": [evil.to_json()]}).encode()
    assert judged(path, savedimage.oci(layout, made.file("index.json", other))) is None
    manifest = made.file(f"blobs/sha256/{good.digest[7:]}", layout.read(evil))
    assert judged(path, savedimage.oci(layout, manifest)) is None
    assert judged(path, data) is not None


def test_a_bomb_is_stopped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Limits(raw_floor=1 << 20, raw_ratio=10)
    monkeypatch.setattr("imgforge.analysis.blob.Limits", lambda: small)
    bomb = gzip.compress(made.tar(made.file("index.json", bytes(32 << 20))), 9)
    begun = time.monotonic()
    assert judged(path, bomb) is None
    assert time.monotonic() - begun < 5


def test_a_large_extended_header_is_refused_at_once(path: Path) -> None:
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, 8 << 20
    records = b"8 a=bcd\n" * (1 << 20)
    begun = time.monotonic()
    assert judged(path, header.tobuf() + records + made.tar(made.file("index.json"))) is None
    assert time.monotonic() - begun < 1


def test_many_small_headers_take_time_in_proportion(path: Path) -> None:
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, 64 << 10
    one = header.tobuf() + b"8 a=bcd\n" * (8 << 10)
    begun = time.monotonic()
    assert judged(path, one * 100 + made.tar(made.file("index.json"))) is None
    assert time.monotonic() - begun < 10


def test_one_image_named_fifty_times_is_judged_once(path: Path) -> None:
    layout = Layout.create(path.parent / "same")
    image = made.add(layout, LAYERS)
    data = savedimage.docker(layout, image)
    entry = json.loads(savedimage.member(data, "manifest.json"))[0]
    many = json.dumps([entry] * 50).encode()
    begun = time.monotonic()
    assert judged(path, savedimage.changed(data, {"manifest.json": many})) is not None
    assert time.monotonic() - begun < 5
    assert entry["Config"] == sha256(savedimage.member(data, entry["Config"]))[7:] + ".json"


def test_memory_stays_small_whatever_an_archive_holds(path: Path) -> None:
    import tracemalloc

    layout = Layout.create(path.parent / "large")
    image = made.add(layout, [made.tar(made.file("big", bytes(100 << 20)))])
    layout.write_index([image])
    data = gzip.compress(savedimage.docker(layout, image), 1)
    path.write_bytes(data)
    del data
    tracemalloc.start()
    asked = inspection.Request(Policy(), anew=True)
    assert inspection.inspect(str(path), asked, lambda _: None).images
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 << 20
