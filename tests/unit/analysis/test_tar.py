from __future__ import annotations

import io
import subprocess
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
    archive = Archive(pieces, Limits(holes=8 << 20))
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


def gnu_sparse(*, size: int, table: list[tuple[int, int]], data: bytes) -> bytes:
    """Return an old GNU sparse file: four entries in its header, twenty-one in each block more."""
    fields = [b"%011o\0%011o\0" % pair for pair in table]
    header = bytearray(made.tar(made.file("s", b""))[:512])
    header[156] = ord("S")
    header[257:265] = b"ustar  \0"
    header[124:136] = b"%011o\0" % len(data)
    header[345:] = bytes(167)
    header[386 : 386 + 24 * len(fields[:4])] = b"".join(fields[:4])
    header[482] = len(fields) > 4
    header[483:495] = b"%011o\0" % size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    blocks = b""
    for at in range(4, len(fields), 21):
        block = b"".join(fields[at : at + 21]).ljust(504, b"\0")
        blocks += block + bytes([at + 21 < len(fields)]) + bytes(7)
    return bytes(header) + blocks + data + bytes(-len(data) % 512)


def sparse_content(table: list[tuple[int, int]], size: int) -> bytes:
    out = bytearray(size)
    for number, (offset, length) in enumerate(table):
        out[offset : offset + length] = bytes([65 + number % 26]) * length
    return bytes(out)


def stored(table: list[tuple[int, int]]) -> bytes:
    return b"".join(bytes([65 + n % 26]) * length for n, (_, length) in enumerate(table))


@pytest.mark.parametrize("count", [0, 1, 4, 5, 25, 26, 60])
def test_old_gnu_sparse_files_have_their_holes(count: int) -> None:
    table = [(1000 * number + 7, 300 + number) for number in range(count)]
    size = 1000 * count + 500
    raw = gnu_sparse(size=size, table=table, data=stored(table))
    raw += made.tar(made.file("after", b"x"))
    members, problems = read(raw)
    assert problems == []
    assert [member.size for member, _ in members] == [size, 1]
    assert members[0][1] == sparse_content(table, size)


@pytest.mark.parametrize("form", ["gnu", "0.0", "0.1", "1.0"])
def test_sparse_files_that_gnu_tar_writes(form: str, tmp_path: Path) -> None:
    table = [(0, 4096), (200_000, 5000), (600_000, 1), (900_000, 70_000)]
    path = tmp_path / "holes"
    with path.open("wb") as file:
        for number, (offset, length) in enumerate(table):
            file.seek(offset)
            file.write(bytes([65 + number]) * length)
        file.truncate(2_000_000)
    version = ["--format=gnu"] if form == "gnu" else ["--format=pax", f"--sparse-version={form}"]
    command = ["tar", "-C", str(tmp_path), "--sparse", *version, "-cf", "-", "holes"]
    raw = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    assert len(raw) < 500_000
    [(member, data)], problems = read(raw)
    assert problems == []
    assert (member.name, member.size) == (b"holes", 2_000_000)
    assert data == path.read_bytes()


@pytest.mark.parametrize(
    ("records", "content", "word"),
    [
        ({"GNU.sparse.map": "0,1,2"}, b"x", "not a number"),
        ({"GNU.sparse.map": "0,1", "GNU.sparse.numblocks": "2"}, b"x", "length"),
        ({"GNU.sparse.map": "0,-1", "GNU.sparse.numblocks": "1"}, b"x", "not a number"),
        ({"GNU.sparse.map": "5,1", "GNU.sparse.numblocks": "1"}, b"x", "leaves its file"),
        ({"GNU.sparse.map": "0,1,0,1", "GNU.sparse.numblocks": "2"}, b"xy", "out of order"),
        (
            {"GNU.sparse.map": "0,1", "GNU.sparse.numblocks": "1", "GNU.sparse.size": "1"},
            b"xy",
            "account for its data",
        ),
        ({"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}, b"x", "no end"),
        ({"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}, b"a\n".ljust(512), "not a number"),
        ({"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}, b"9\n".ljust(512), "no end"),
    ],
)
def test_broken_sparse_maps_are_problems(
    records: dict[str, str], content: bytes, word: str
) -> None:
    members, problems = read(made.tar(made.file("s", content, pax_headers=records)))
    assert members == []
    assert [problem.kind for problem in problems] == ["malformed"]
    assert word in problems[0].detail


def test_an_unknown_sparse_version_is_a_plain_file_and_a_problem() -> None:
    records = {"GNU.sparse.major": "2", "GNU.sparse.minor": "0", "GNU.sparse.name": "other"}
    [(member, data)], problems = read(made.tar(made.file("s", b"x", pax_headers=records)))
    assert (member.name, data) == (b"s", b"x")
    assert "unknown way" in problems[0].detail


def test_huge_holes_are_shortened() -> None:
    table = [(1 << 40, 3), (1 << 41, 2)]
    raw = made.tar(
        made.file(
            "s",
            b"abcde",
            pax_headers={
                "GNU.sparse.map": ",".join(str(n) for pair in table for n in pair),
                "GNU.sparse.numblocks": "2",
                "GNU.sparse.size": str(1 << 42),
            },
        )
    )
    archive = Archive(iter([raw]), Limits())
    [(member, data)] = [(member, archive.read(4 << 20)) for member in archive]
    assert member.size == 1 << 42
    assert len(data) == Limits().holes + 2 + 5
    assert data.replace(b"\0", b"") == b"abcde"


def test_archives_without_an_end_marker_are_whole(tmp_path: Path) -> None:
    raw = made.tar(made.file("a", b"x"))[:1024]
    assert [entry.path for entry in made.layer(tmp_path, raw).entries] == ["a"]
    assert made.layer(tmp_path, raw).problems == ()
