from __future__ import annotations

import contextlib
import io
import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import madeimage as made
import pytest

from imgforge.oci.layout import CorruptLayoutError
from imgforge.sources.members import Members, Slice

Open = Callable[[bytes], Members]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    with contextlib.ExitStack() as stack:

        def index(data: bytes) -> Members:
            path = tmp_path / "archive"
            path.write_bytes(data)
            return Members(stack.enter_context(path.open("rb", buffering=0)), "archive")

        yield index


def read(found: Members, name: str) -> bytes:
    with found.open(name) as file:
        return file.read()


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_read_in_place_whatever_the_format(form: int, opened: Open) -> None:
    long = "deep/" * 25 + "name" if form == tarfile.USTAR_FORMAT else "deep/" * 60 + "name"
    raw = made.tar(
        made.folder("deep"), made.file("a", b"A" * 700), made.file(long, b"L"), form=form
    )
    found = opened(raw)
    assert read(found, "a") == b"A" * 700
    assert read(found, long) == b"L"
    assert "deep" in found
    assert "b" not in found


def test_a_member_is_named_without_a_leading_dot(opened: Open) -> None:
    assert read(opened(made.tar(made.file("./index.json", b"{}"))), "index.json") == b"{}"


def test_links_are_followed_inside_the_archive(opened: Open) -> None:
    raw = made.tar(
        made.file("one/layer.tar", b"content"),
        made.symlink("two/layer.tar", "../one/layer.tar"),
        made.hardlink("three/layer.tar", "two/layer.tar"),
    )
    found = opened(raw)
    assert read(found, "three/layer.tar") == b"content"
    assert found.find("two/layer.tar") == found.find("one/layer.tar")


def test_a_link_to_itself_is_an_error(opened: Open) -> None:
    found = opened(made.tar(made.symlink("a", "b"), made.symlink("b", "a")))
    with pytest.raises(CorruptLayoutError, match="without an end"):
        found.open("a")


def test_a_name_that_stands_twice_means_nothing(opened: Open) -> None:
    raw = made.tar(made.file("a", b"1"), made.file("a", b"2"), made.file("b", b"3"))
    found = opened(raw)
    assert read(found, "b") == b"3"
    with pytest.raises(CorruptLayoutError, match="more than once"):
        found.open("a")


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "a/../../x", ".."])
def test_a_member_that_leads_out_is_refused(name: str, opened: Open) -> None:
    with pytest.raises(CorruptLayoutError, match=r"at byte 1024: .* leads out"):
        opened(made.tar(made.file("a"), made.file(name)))


@pytest.mark.parametrize(
    "link",
    [made.symlink("a", "../x"), made.symlink("a/b", "/etc/passwd"), made.hardlink("a", "/x")],
)
def test_a_link_that_leads_out_is_refused(link: made.Member, opened: Open) -> None:
    with pytest.raises(CorruptLayoutError, match="leads out"):
        opened(made.tar(link))


def test_devices_and_folders_cannot_be_opened(opened: Open) -> None:
    device = made.file("null", b"", type=tarfile.CHRTYPE)
    found = opened(made.tar(made.folder("folder"), device))
    for name in ("folder", "null"):
        with pytest.raises(CorruptLayoutError, match="no plain file"):
            found.open(name)
    with pytest.raises(FileNotFoundError):
        found.open("nothing")


def test_a_truncated_archive_names_member_and_offset(opened: Open) -> None:
    raw = made.tar(made.file("first", b"x" * 100), made.file("second", b"y" * 5000))
    with pytest.raises(CorruptLayoutError, match=r"at byte 1024: the member 'second' is cut off"):
        opened(raw[:4000])
    with pytest.raises(CorruptLayoutError, match="at byte 1024: a header is cut off"):
        opened(raw[:1100])


def test_an_archive_without_an_end_is_cut_off(opened: Open) -> None:
    with pytest.raises(CorruptLayoutError, match="at byte 1024: the archive is cut off"):
        opened(made.tar(made.file("first"))[:1024])
    assert "first" in opened(made.tar(made.file("first"))[:1536])


def test_a_damaged_header_is_an_error_with_its_offset(opened: Open) -> None:
    raw = bytearray(made.tar(made.file("first"), made.file("second")))
    raw[1024] ^= 1
    with pytest.raises(CorruptLayoutError, match="at byte 1024: a header is malformed"):
        opened(bytes(raw))
    with pytest.raises(CorruptLayoutError, match="no tar archive"):
        opened(b"#!/bin/sh\n" * 100)


def test_what_follows_one_block_of_zeros_is_an_error(opened: Open) -> None:
    raw = made.tar(made.file("a"))[:1024] + bytes(512) + made.tar(made.file("index.json"))
    with pytest.raises(CorruptLayoutError, match="something follows"):
        opened(raw)


def test_a_sparse_member_and_a_telling_global_header_are_errors(opened: Open) -> None:
    sparse = made.file("a", pax_headers={"GNU.sparse.major": "1"})
    with pytest.raises(CorruptLayoutError, match="is sparse"):
        opened(made.tar(sparse))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", pax_headers={"path": "other"}) as archive:
        archive.addfile(tarfile.TarInfo("a"))
    with pytest.raises(CorruptLayoutError, match="global header"):
        opened(out.getvalue())


def test_a_pax_size_counts_and_a_lying_one_is_an_error(opened: Open) -> None:
    for size in ("99999999999999999999", "-1", "x", "600"):
        with pytest.raises(CorruptLayoutError):
            opened(made.tar(made.file("a", b"x", pax_headers={"size": size}))[:2048])


def test_folders_have_no_content_whatever_size_they_claim(opened: Open) -> None:
    folder = tarfile.TarInfo("folder")
    folder.type, folder.size = tarfile.DIRTYPE, 9999
    raw = folder.tobuf() + made.tar(made.file("a", b"x"))
    assert read(opened(raw), "a") == b"x"


def test_too_many_members_are_refused(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgforge.sources.members.MOST", 3)
    with pytest.raises(CorruptLayoutError, match="over 3 members"):
        opened(made.tar(*(made.file(str(i)) for i in range(4))))


def test_slices_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 64)
    wrong: list[int] = []
    with path.open("rb", buffering=0) as file:

        def walk(start: int) -> None:
            part = Slice(file, start, 256)
            got = [part.read(1) for _ in range(257)]
            wrong.extend(
                at for at in range(256) if got[at] != bytes([(start + at) % 256]) or got[256]
            )

        threads = [threading.Thread(target=walk, args=(i * 7,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        part = Slice(file, 10, 20)
        assert part.seek(-5, os.SEEK_END) == 15
        assert part.read() == bytes(range(25, 30))
        assert (part.seek(2), part.seek(1, os.SEEK_CUR), part.tell()) == (2, 3, 3)
    assert not wrong


def header(kind: bytes, data: bytes = b"", *, magic: bytes = b"", prefix: bytes = b"") -> bytes:
    block = bytearray(made.tar(made.file("manifest.json", data))[:512])
    block[156:157] = kind
    block[257 : 257 + len(magic)] = magic
    block[345 : 345 + len(prefix)] = prefix
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + data + bytes(-len(data) % 512)


PATH, COMMENT = b"9 path=x\n", b"13 comment=x\n"
TIMES = b"00000000000\0"


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (header(b"x", PATH) + header(b"g", COMMENT), "contradict"),
        (header(b"x", PATH) + header(b"x", COMMENT), "contradict"),
        (header(b"L", b"x\0") + header(b"x", PATH), "contradict"),
        (header(b"L", b"x\0") + header(b"L", b"y\0"), "contradict"),
        (header(b"L", b"\0"), "empty name"),
        (header(b"x", b"8 path=\n"), "empty name"),
        (header(b"X", PATH), "disagree"),
        (header(b"0", magic=b"ustar  \0", prefix=TIMES), "disagree"),
        (header(b"0", magic=b"\0" * 8, prefix=b"blobs"), "disagree"),
        (header(b"0", magic=b"ustar  \0", prefix=b"blobs"), "malformed"),
    ],
)
def test_names_that_readers_take_differently_are_refused(
    before: bytes, said: str, opened: Open
) -> None:
    with pytest.raises(CorruptLayoutError, match=said):
        opened(before + made.tar(made.file("manifest.json", b"[]")))
