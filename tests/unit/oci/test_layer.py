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

from imgforge.oci.layer import MEMBER, MTIME, Entry, Layer, rewrite_layer, write_layer
from imgforge.oci.layout import Layout


def written(folder: Path, entries: list[Entry]) -> tuple[Layer, bytes, bytes]:
    layout = Layout.create(folder)
    layer = write_layer(layout, entries)
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
        "sha256:1faf161760f2cc57135c14ed7e49bf1d743fdd35367cb6812cc1d2f0c7505730"
    )
    assert layer.descriptor.digest == (
        "sha256:89d9fa2928637d5a874193d5e7689edfdbdd1e16722134db5c579318463404ab"
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
            assert member.mtime == MTIME
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


def other_tools_layer(
    *members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT
) -> io.BytesIO:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for member, data in members:
            member.size = len(data)
            member.mtime, member.uname, member.gname = 123.5, "someone", "some"
            tar.addfile(member, io.BytesIO(data))
    out.seek(0)
    return out


def member(name: str, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for key, value in fields.items():
        setattr(info, key, value)
    return info


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_another_tools_layer_becomes_the_bytes_we_would_write(tmp_path: Path, form: int) -> None:
    long = "d/" + "n" * 150
    source = other_tools_layer(
        (member("d", tarfile.DIRTYPE, mode=0o755), b""),
        (member(long, mode=0o555, uid=1, gid=2), b"content"),
        (member("d/é", mode=0o644), b""),
        (member("d/link", tarfile.SYMTYPE, linkname="t" * 120), b""),
        form=form,
    )
    rewritten = rewrite_layer(Layout.create(tmp_path / "a"), source)
    ours, _, _ = written(
        tmp_path / "b",
        [
            Entry("d", 0o755),
            Entry(long, 0o555, 1, 2, data=b"content"),
            Entry("d/é", 0o644, data=b""),
            Entry("d/link", 0, link="t" * 120),
        ],
    )
    assert rewritten == ours


def test_hard_links_and_attributes_survive(tmp_path: Path) -> None:
    attributes = {"SCHILY.xattr.user.note": "x", "mtime": "1.5", "comment": "gone"}
    source = other_tools_layer(
        (member("a", pax_headers=attributes), b"x"),
        (member("b", tarfile.LNKTYPE, linkname="a"), b""),
    )
    layout = Layout.create(tmp_path)
    layer = rewrite_layer(layout, source)
    assert layer is not None
    raw = gzip.decompress(layout.blob_path(layer.descriptor.digest).read_bytes())
    first, second = members(raw)
    assert first.pax_headers == {"SCHILY.xattr.user.note": "x"}
    assert (second.islnk(), second.linkname) == (True, "a")
    assert {first.mtime, second.mtime} == {MTIME}
    assert first.uname == ""


def test_a_layer_without_content_is_none(tmp_path: Path) -> None:
    assert rewrite_layer(Layout.create(tmp_path), other_tools_layer()) is None


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_special_files_of_other_tools_are_refused(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(ValueError, match="special file"):
        rewrite_layer(Layout.create(tmp_path), other_tools_layer((member("x", kind), b"")))


@pytest.mark.parametrize("cut", [100, 512, 700])
def test_a_truncated_layer_of_another_tool_is_an_error(tmp_path: Path, cut: int) -> None:
    data = other_tools_layer((member("x"), b"y" * 600)).getvalue()[:cut]
    with pytest.raises((tarfile.TarError, OSError)):
        rewrite_layer(Layout.create(tmp_path), io.BytesIO(data))
    assert not list((tmp_path / "blobs/sha256").iterdir())


def test_a_file_in_pieces_must_have_the_size_that_was_said(tmp_path: Path) -> None:
    layout = Layout.create(tmp_path / "layout")
    whole = write_layer(layout, [Entry("a", 0o644, data=b"hello"), Entry("b", 0o644, same="a")])
    pieces = Entry("a", 0o644, pieces=iter([b"he", b"llo"]), size=5)
    assert write_layer(layout, [pieces, Entry("b", 0o644, same="a")]) == whole
    for size in (4, 6):
        wrong = Entry("a", 0o644, pieces=[b"hello"], size=size)
        with pytest.raises(ValueError, match="another size"):
            write_layer(layout, [wrong])
