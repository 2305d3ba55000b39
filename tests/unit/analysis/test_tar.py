from __future__ import annotations

import io
import tarfile
from pathlib import Path

import madeimage as made
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgforge.analysis.blob import Limits
from imgforge.analysis.facts import DIRECTORY, FIFO, FILE, HARDLINK, SYMLINK, Problem
from imgforge.analysis.tar import Archive, Member

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
LETTERS = {
    tarfile.REGTYPE: FILE,
    tarfile.DIRTYPE: DIRECTORY,
    tarfile.SYMTYPE: SYMLINK,
    tarfile.LNKTYPE: HARDLINK,
    tarfile.FIFOTYPE: FIFO,
}


def read(raw: bytes, piece: int = 700) -> tuple[list[tuple[Member, bytes]], list[Problem]]:
    pieces = (raw[at : at + piece] for at in range(0, len(raw), piece))
    archive = Archive(pieces, Limits())
    return [(member, archive.read(member.size)) for member in archive], archive.problems


def expected(raw: bytes) -> list[tuple[tuple[object, ...], bytes]]:
    with tarfile.open(fileobj=io.BytesIO(raw), errors="surrogateescape") as archive:
        out: list[tuple[tuple[object, ...], bytes]] = []
        for info in archive:
            stream = archive.extractfile(info) if info.isreg() else None
            name = info.name.encode(errors="surrogateescape")
            link = info.linkname.encode(errors="surrogateescape")
            kind = LETTERS[info.type]
            out.append(
                (
                    (name, kind, info.mode, info.uid, info.gid, info.size, link),
                    stream.read() if stream else b"",
                )
            )
    return out


def told(raw: bytes, piece: int = 700) -> list[tuple[tuple[object, ...], bytes]]:
    members, problems = read(raw, piece)
    assert problems == []
    return [((m.name.rstrip(b"/"), *m[1:7]), data) for m, data in members]


@pytest.mark.parametrize("form", FORMATS)
def test_reads_what_the_standard_library_writes(form: int) -> None:
    raw = made.tar(
        made.folder("a"),
        made.file("a/b", b"hello" * 300, 0o4755, uid=12, gid=34),
        made.file("a/empty", b""),
        made.symlink("a/s", "../elsewhere"),
        made.hardlink("a/h", "a/b"),
        made.file("a/fifo", b"", type=tarfile.FIFOTYPE),
        made.file("d" * 90 + "/" + "f" * 60, b"prefixed"),
        form=form,
    )
    assert told(raw) == expected(raw)


@pytest.mark.parametrize("form", FORMATS[1:])
def test_reads_long_names_links_and_numbers(form: int) -> None:
    raw = made.tar(
        made.file("n" * 300, b"1"),
        made.symlink("link", "t" * 400),
        made.file("näme", b"2"),
        made.file("owner", b"3", uid=3_000_000_000, gid=2_500_000_000),
        made.file("bad\udcff", b"4"),
        form=form,
    )
    assert told(raw) == expected(raw)


names = st.text(
    st.characters(exclude_characters="/\0", codec="utf-8"),
    min_size=1,
    max_size=120,
).filter(lambda name: name not in {".", ".."})


@settings(max_examples=60, deadline=None)
@given(
    form=st.sampled_from(FORMATS[1:]),
    piece=st.integers(1, 3000),
    members=st.lists(
        st.tuples(
            st.lists(names, min_size=1, max_size=4).map("/".join),
            st.binary(max_size=1500),
            st.integers(0, 0o7777),
            st.integers(0, 2**33),
        ),
        max_size=6,
    ),
)
def test_round_trips(form: int, piece: int, members: list[tuple[str, bytes, int, int]]) -> None:
    raw = made.tar(*(made.file(n, d, m, uid=u) for n, d, m, u in members), form=form)
    assert told(raw, piece) == expected(raw)


def test_takes_capabilities_from_pax() -> None:
    value = bytes.fromhex("0100000200040000000000000000000000000000").decode(
        errors="surrogateescape"
    )
    raw = made.tar(made.file("ping", pax_headers={"SCHILY.xattr.security.capability": value}))
    [(member, _)], problems = read(raw)
    assert member.capability == "0100000200040000000000000000000000000000"
    assert problems == []


def test_content_that_is_not_read_is_skipped() -> None:
    raw = made.tar(made.file("a", b"1" * 5000), made.file("b", b"2"))
    archive = Archive(iter([raw]), Limits())
    assert [(member.name, archive.read(3)) for member in archive] == [(b"a", b"111"), (b"b", b"2")]


def test_old_gnu_sparse_files_are_marked_and_skipped() -> None:
    header = bytearray(made.tar(made.file("s", b""))[:512])
    header[156] = ord("S")
    header[124:136] = b"%011o\0" % 512
    header[482] = 1
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    extension = bytes(512)
    raw = bytes(header) + extension + b"d" * 512 + made.tar(made.file("after", b"x"))
    members, problems = read(raw)
    assert [(m.name, m.sparse) for m, _ in members] == [(b"s", True), (b"after", False)]
    assert problems == []


def test_pax_sparse_files_have_their_real_name() -> None:
    headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "real"}
    [(member, _)], _ = read(made.tar(made.file("GNUSparseFile.0/real", b"x", pax_headers=headers)))
    assert (member.name, member.sparse) == (b"real", True)


def test_archives_without_an_end_marker_are_whole(tmp_path: Path) -> None:
    raw = made.tar(made.file("a", b"x"))[:1024]
    assert [entry.path for entry in made.layer(tmp_path, raw).entries] == ["a"]
    assert made.layer(tmp_path, raw).problems == ()
