from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgforge.oci.layer import MEMBER, Entry, Layer, write_layer
from imgforge.oci.layout import Layout

EPOCH = 1_700_000_000


def written(folder: Path, entries: list[Entry]) -> tuple[Layer, bytes, bytes]:
    layout = Layout.create(folder)
    layer = write_layer(layout, entries, epoch=EPOCH)
    packed = layout.blob_path(layer.descriptor.digest).read_bytes()
    return layer, packed, gzip.decompress(packed)


def members(raw: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        return tar.getmembers()


def test_digests_are_those_of_the_bytes(tmp_path: Path) -> None:
    layer, packed, raw = written(tmp_path, [Entry("a", 0o644, data=b"hello")])
    assert layer.descriptor.digest == "sha256:" + hashlib.sha256(packed).hexdigest()
    assert layer.descriptor.size == len(packed)
    assert layer.diff_id == "sha256:" + hashlib.sha256(raw).hexdigest()


def test_the_bytes_are_known(tmp_path: Path) -> None:
    """A change here changes every digest users have: it needs a note in the changelog."""
    entries = [
        Entry("app", 0o755),
        Entry("app/x", 0o555, data=b"x" * 10_000),
        Entry("l", 0, link="x"),
    ]
    layer, _, _ = written(tmp_path, entries)
    assert layer.diff_id == (
        "sha256:b554b2654a0ad0a5275011d471c58165129938b4cbcfdf5b6815400b8845ee99"
    )
    assert layer.descriptor.digest == (
        "sha256:9f4678fedb91a073fcd3730686faaaaf71c037001506e4fe6138c3113e978bea"
    )


name = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=120
).filter(lambda s: s not in {".", ".."})
path = st.lists(name, min_size=1, max_size=4).map("/".join)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
@given(
    st.dictionaries(path, st.tuples(st.binary(max_size=2000), st.integers(0, 0o7777)), max_size=8)
)
def test_tarfile_reads_back_what_was_written(
    tmp_path: Path, files: dict[str, tuple[bytes, int]]
) -> None:
    entries = [Entry(p, mode, 7, 8, data=data) for p, (data, mode) in files.items()]
    _, _, raw = written(tmp_path, entries)
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        found = tar.getmembers()
        assert [m.name for m in found] == [e.path for e in entries]
        for member, entry in zip(found, entries, strict=True):
            assert (member.mode, member.uid, member.gid) == (entry.mode, 7, 8)
            assert member.mtime == EPOCH
            reader = tar.extractfile(member)
            assert reader is not None
            assert reader.read() == entry.data


@pytest.mark.parametrize("link", ["../x", "/abs", "é", "y" * 300])
def test_links_keep_their_target(tmp_path: Path, link: str) -> None:
    _, _, raw = written(tmp_path, [Entry("l", 0, link=link)])
    assert [(m.linkname, m.mode) for m in members(raw)] == [(link, 0o777)]


def test_large_files_are_streamed_in_members(tmp_path: Path) -> None:
    source = tmp_path / "big"
    source.write_bytes(os.urandom(1 << 20) * 9)
    layer, packed, raw = written(tmp_path / "l", [Entry("big", 0o644, source=source)])
    assert layer.descriptor.size == len(packed)
    assert len(raw) > 2 * MEMBER
    assert members(raw)[0].size == 9 << 20


@pytest.mark.parametrize("bad", ["", "/a", "../a", "a/../b", "a\0b"])
def test_paths_that_no_image_has_are_refused(tmp_path: Path, bad: str) -> None:
    with pytest.raises(ValueError, match="not a path inside an image"):
        written(tmp_path, [Entry(bad, 0o644, data=b"")])
    assert not list((tmp_path / "blobs/sha256").iterdir())
    assert not list((tmp_path / "blobs").glob(".incoming-*"))


def test_nothing_depends_on_umask_locale_or_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _, _ = written(tmp_path / "1", [Entry("é", 0o644, data=b"x")])
    old = os.umask(0o077)
    try:
        monkeypatch.setenv("LC_ALL", "C")
        monkeypatch.chdir(tmp_path)
        second, _, _ = written(tmp_path / "2", [Entry("é", 0o644, data=b"x")])
    finally:
        os.umask(old)
    assert first == second
