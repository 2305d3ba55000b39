"""Records of packages as nobody's package manager writes them."""

from __future__ import annotations

import json
import os
import sqlite3
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import madeimage as made
import maderpm
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from imgforge.analysis.facts import Claim, Package
from imgforge.analysis.packages import apk, deb, reader, rpm, rpmdb

some = settings(max_examples=200, deadline=None)

HEADER = maderpm.header(
    requires=["b", "/bin/c"], modes=[0o100755], folder_of=[0], basenames=["a"], folders=["/bin/"]
)
WALL = [
    {"jsonwall": "1.0", "schema": "1.0", "count": 3},
    {"kind": "content", "slice": "a_b", "path": "/bin/a"},
    {"kind": "package", "name": "a", "version": "1", "sha256": "0" * 64, "arch": "amd64"},
]
SQLITE, NDB, BERKELEY = (
    "var/lib/rpm/rpmdb.sqlite",
    "var/lib/rpm/Packages.db",
    "var/lib/rpm/Packages",
)
RECORDS = {
    "var/lib/dpkg/status": b"Package: a\nStatus: install ok installed\nDepends: b | c (>= 1)\n\n",
    "var/lib/dpkg/status.d/a.md5sums": b"0" * 32 + b"  bin/a\n",
    "var/lib/dpkg/info/a.list": b"/.\n/bin\n/bin/a\n",
    "usr/share/doc/a/copyright": b"Format: copyright-format\n\nFiles: *\nLicense: X or ISC",
    "var/lib/chisel/manifest.wall": zstandard.compress(
        b"\n".join(json.dumps(row).encode() for row in WALL)
    ),
    "lib/apk/db/installed": b"C:Q1AA==\nP:a\nV:1\nD:so:b c>1\np:d=1\nL:MIT or GPL\nF:bin\nR:a\n\n",
    "var/lib/rpmmanifest/container-manifest-2": b"a\t1-2\t1\t1\tv\t1\t9\tall\t1\ta-1-2.src.rpm\n",
    SQLITE: maderpm.sqlite(HEADER, HEADER),
    NDB: maderpm.ndb(HEADER, HEADER),
    BERKELEY: maderpm.berkeley(HEADER, HEADER),
}


def look(path: str, data: bytes) -> list[Package] | None:
    """Read one record as a layer's is: packages, or a ValueError, which is None here."""
    module = reader(path, path.rpartition("/")[2])
    assert module is not None
    claims: Callable[[str, bytes], list[Claim]] = getattr(module, "claims", lambda *_: [])
    try:
        found = module.read(path, data)
        owned = claims(path, data)
    except ValueError as error:
        why = str(error)
        return None if why.isprintable() else pytest.fail(ascii(why))
    assert all(claim.path == path for claim in owned)
    return found


@pytest.mark.parametrize("path", RECORDS)
def test_each_is_whole_before_it_is_broken(path: str) -> None:
    module = reader(path, path.rpartition("/")[2])
    assert module is not None
    found = look(path, RECORDS[path])
    assert found is not None
    assert all(package.name == "a" and package.paths == (path,) for package in found)
    claims = module.claims(path, RECORDS[path]) if hasattr(module, "claims") else []
    assert found or claims


@some
@given(st.sampled_from(sorted(RECORDS)), st.binary(max_size=2000))
def test_any_bytes(path: str, data: bytes) -> None:
    look(path, data)


@some
@given(st.sampled_from(sorted(RECORDS)), st.data())
def test_any_change(path: str, data: st.DataObject) -> None:
    whole = bytearray(RECORDS[path])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(whole) - 1))
        piece = data.draw(st.binary(min_size=1, max_size=8))
        whole[place : place + len(piece)] = piece
    look(path, bytes(whole))


@pytest.mark.parametrize("path", [SQLITE, NDB, BERKELEY, "var/lib/chisel/manifest.wall"])
def test_cut_anywhere_is_never_a_shorter_list(path: str) -> None:
    whole = RECORDS[path]
    names = look(path, whole)
    for size in {*range(0, len(whole), max(1, len(whole) // 200)), len(whole) - 1}:
        assert look(path, whole[:size]) in (None, names)
    assert look(path, whole[: len(whole) // 2]) is None


@some
@given(st.binary(max_size=300))
def test_any_header(blob: bytes) -> None:
    for path, make in ((SQLITE, maderpm.sqlite), (NDB, maderpm.ndb)):
        look(path, make(blob))


HUGE = 0xFFFFFFFF
HEADERS = {
    "nothing": b"",
    "counts that are not there": struct.pack(">II", 9, 9),
    "no entries": maderpm.raw([], b"a\0"),
    "more entries than bytes": struct.pack(">II", HUGE, HUGE) + bytes(64),
    "a name outside": maderpm.raw([(1000, 6, HUGE, 1)], b"a\0"),
    "a name without its end": maderpm.raw([(1000, 6, 0, 1)], b"abc"),
    "a name of numbers": maderpm.raw([(1000, 4, 0, 1)], b"\0\0\0\1"),
    "a name of no type": maderpm.raw([(1000, 77, 0, 1)], b"a\0"),
    "an empty name": maderpm.raw([(1000, 6, 0, 1)], b"\0"),
    "no name": maderpm.raw([(1001, 6, 0, 1)], b"1\0"),
    "a list of no texts": maderpm.raw([(1000, 6, 0, 1), (1049, 8, 0, 0)], b"a\0"),
    "a list of too many": maderpm.raw([(1000, 6, 0, 1), (1049, 8, 0, HUGE)], b"a\0"),
    "texts where numbers are": maderpm.raw([(1000, 6, 0, 1), (1003, 6, 0, 1)], b"a\0"),
    "numbers outside": maderpm.raw([(1000, 6, 0, 1), (1003, 4, 0, HUGE)], b"a\0"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_lie(name: str) -> None:
    with pytest.raises(ValueError, match="header"):
        rpm.read(NDB, maderpm.ndb(HEADERS[name]))


@pytest.mark.parametrize(
    "files",
    [
        {"folder_of": [1], "basenames": ["a"], "folders": ["/bin/"]},
        {"folder_of": [0, 0], "basenames": ["a"], "folders": ["/bin/"]},
        {"basenames": ["a"]},
    ],
)
def test_files_in_folders_that_are_not_there(files: dict[str, list[str]]) -> None:
    data = maderpm.ndb(maderpm.header(**files))
    with pytest.raises(ValueError, match="folders"):
        rpm.claims(NDB, data)


def test_needs_that_go_round_end() -> None:
    blobs = [maderpm.header(name=f"p{n}", requires=[f"p{(n + 1) % 3}", f"p{n}"]) for n in range(3)]
    found = rpm.read(SQLITE, maderpm.sqlite(*blobs))
    assert [package.depends for package in found] == [("p1",), ("p2",), ("p0",)]


def test_what_everyone_provides_and_needs_is_no_square() -> None:
    many = range(2_000)
    start = time.process_time()
    text = "".join(f"Package: p{n}\nVersion: 1\nProvides: x\nDepends: x\n\n" for n in many)
    assert sum(len(p.depends) for p in deb.read("var/lib/dpkg/status", text.encode())) < 20_000
    text = "".join(f"P:p{n}\nV:1\np:x\nD:x\n\n" for n in many)
    assert sum(len(p.depends) for p in apk.read("lib/apk/db/installed", text.encode())) < 20_000
    blobs = [maderpm.header(name=f"p{n}", provides=["x"], requires=["x"]) for n in many]
    assert sum(len(p.depends) for p in rpm.read(SQLITE, maderpm.sqlite(*blobs))) < 20_000
    assert time.process_time() - start < 5


def test_duplicates_are_all_listed() -> None:
    text = b"Package: a\nVersion: 1\n\n" * 2
    assert len(deb.read("var/lib/dpkg/status", text)) == 2
    assert len(apk.read("lib/apk/db/installed", b"P:a\nV:1\n\n" * 2)) == 2
    assert len(rpm.read(SQLITE, maderpm.sqlite(HEADER, HEADER))) == 2


# -- SQLite ---------------------------------------------------------------------------------------


def statements(*lines: str) -> bytes:
    """Return a database that these statements make."""
    with closing(sqlite3.connect(":memory:")) as base:
        for line in lines:
            base.execute(line)
        base.commit()
        return base.serialize()


PLAIN = "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB)"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT"
SCHEMES = {
    "no table": ("CREATE TABLE Other (a)",),
    "other columns": ("CREATE TABLE Packages (a, b)",),
    "texts": (PLAIN, "INSERT INTO Packages VALUES (1, 'text')"),
    "numbers": (PLAIN, "INSERT INTO Packages VALUES (1, 7)"),
    "nothing": (PLAIN, "INSERT INTO Packages VALUES (1, NULL)"),
    "an endless view": (f"CREATE VIEW Packages AS {ENDLESS} i AS hnum, x'00' AS blob FROM n",),
    "a huge blob": ("CREATE VIEW Packages AS SELECT 1 AS hnum, zeroblob(900000000) AS blob",),
    "a name with escapes": (
        "PRAGMA writable_schema = 1",
        "INSERT INTO sqlite_schema VALUES ('table', char(27, 10), 'a', 3, 'CREATE nonsense')",
    ),
    "another table": (
        "CREATE TABLE Other (a)",
        "INSERT INTO Other VALUES (x'00')",
        "CREATE VIEW Packages AS SELECT a AS blob, 1 AS hnum FROM Other",
    ),
    "a computed column": (
        "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, a, blob AS (zeroblob(900000000)))",
        "INSERT INTO Packages (a) VALUES (1)",
    ),
}


@pytest.mark.parametrize("name", SCHEMES)
def test_databases_that_are_programs(name: str) -> None:
    start = time.process_time()
    with pytest.raises(ValueError, match="database"):
        rpm.read(SQLITE, statements(*SCHEMES[name]))
    assert time.process_time() - start < 5


def test_a_tree_that_grows_from_its_own_branches() -> None:
    small = [maderpm.header(name=f"p{n}") for n in range(400)]
    data = bytearray(maderpm.sqlite(*small))
    size = int.from_bytes(data[16:18], "big")
    inner = [at for at in range(size, len(data), size) if data[at] == 5]
    assert inner
    for page in inner:
        cells = int.from_bytes(data[page + 3 : page + 5], "big")
        for cell in range(cells):
            where = page + 12 + 2 * cell
            at = page + int.from_bytes(data[where : where + 2], "big")
            data[at : at + 4] = (page // size + 1).to_bytes(4, "big")
    with pytest.raises(ValueError, match="database"):
        rpm.read(SQLITE, bytes(data))


def test_a_tree_whose_branches_all_bear_the_same_leaf() -> None:
    small = [maderpm.header(name=f"p{n}") for n in range(3_000)]
    data = bytearray(maderpm.sqlite(*small))
    size = int.from_bytes(data[16:18], "big")
    leaf = next(at for at in range(size, len(data), size) if data[at] == 13) // size + 1
    for page in range(size, len(data), size):
        if data[page] == 5:
            for cell in range(int.from_bytes(data[page + 3 : page + 5], "big")):
                where = page + 12 + 2 * cell
                at = page + int.from_bytes(data[where : where + 2], "big")
                data[at : at + 4] = leaf.to_bytes(4, "big")
    start = time.process_time()
    look(SQLITE, bytes(data))
    assert time.process_time() - start < 5


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "stolen"
    evil = f"ATTACH '{target}' AS Packages"
    data = statements(PLAIN, f'CREATE VIEW "{evil}" AS SELECT 1')
    assert rpm.read(SQLITE, data) == []
    assert list(tmp_path.iterdir()) == []


# -- ndb and Berkeley DB --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slots", "why"),
    [
        ({0: (1, 0, 9)}, "outside"),
        ({0: (1, HUGE, 9)}, "outside"),
        ({0: (1, 256, HUGE)}, "outside"),
        ({0: (1, 256, 0)}, "no room"),
        ({0: (2, 256, 12)}, "broken"),
        ({0: (1, 257, 9)}, "broken"),
    ],
)
def test_slots_that_lie(slots: dict[int, tuple[int, int, int]], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        list(rpmdb.headers(maderpm.ndb(HEADER, HEADER, slots=slots)))


def test_slots_that_all_say_the_same() -> None:
    data = maderpm.ndb(HEADER)
    blocks = (len(data) - 4096) // 16
    same = maderpm.ndb(HEADER, slots=dict.fromkeys(range(254), (1, 256, blocks)))
    with pytest.raises(ValueError, match="outside"):
        list(rpmdb.headers(same))


def test_an_ndb_package_that_was_changed() -> None:
    data = bytearray(maderpm.ndb(HEADER))
    data[4096 + 40] ^= 1
    with pytest.raises(ValueError, match="checksum"):
        list(rpmdb.headers(bytes(data)))


@pytest.mark.parametrize("pages", [0, 2, HUGE])
def test_ndb_slots_beyond_the_file(pages: int) -> None:
    data = bytearray(maderpm.ndb())
    data[12:16] = pages.to_bytes(4, "little")
    with pytest.raises(ValueError, match="pages of slots"):
        list(rpmdb.headers(bytes(data)))


def berkeley(*changes: tuple[int, bytes]) -> bytes:
    data = bytearray(maderpm.berkeley(HEADER * 9))
    for at, piece in changes:
        data[at : at + len(piece)] = piece
    return bytes(data)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ([(20, b"\1\2\0\0")], "no 8 pages|no .* pages"),
        ([(32, b"\xff\xff\xff\xff")], "pages"),
        ([(24, b"\1")], "encrypted"),
        ([(512 + 20, b"\xff\xff")], "entries"),
        ([(512 + 20, b"\3\0")], "entries"),
        ([(2 * 512 + 16, b"\2\0\0\0")], "not what follows"),
        ([(2 * 512 + 16, b"\xff\0\0\0")], "no page"),
        ([(2 * 512 + 16, b"\0\0\0\0")], "bytes, not"),
        ([(2 * 512 + 25, b"\1")], "not what follows"),
        ([(512 + 26 + 6, b"\0\0")], "broken entry"),
    ],
)
def test_pages_that_lie(changes: list[tuple[int, bytes]], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        list(rpmdb.headers(berkeley(*changes)))


# -- much -----------------------------------------------------------------------------------------


def much() -> Iterator[tuple[str, bytes]]:
    size = 50 << 20
    noise = os.urandom(1 << 20) * 50
    for path in RECORDS:
        yield path, noise
    yield "var/lib/dpkg/status", b"Package: a\n\n" * (size // 12)
    yield "var/lib/dpkg/status", b"Package: a\n" + b"#\n" * (size // 2)
    yield "var/lib/dpkg/status", b"Package: a\n" + b"\n" * size
    yield "var/lib/dpkg/status", b"Package: a\n" + b" a\n" * (size // 3)
    yield "var/lib/dpkg/info/a.list", b"/a\n" * (size // 3)
    yield "lib/apk/db/installed", b"P:a\nV:1\n\n" * (size // 9)
    yield "lib/apk/db/installed", b"R:a\n" * (size // 4)
    yield "var/lib/chisel/manifest.wall", zstandard.compress(b"\n" * size)
    yield "var/lib/chisel/manifest.wall", zstandard.compress(b"[" * size)
    yield SQLITE, RECORDS[SQLITE].ljust(size, b"\0")


def test_fifty_megabytes_take_no_time() -> None:
    for path, data in much():
        start = time.process_time()
        found = look(path, data)
        spent = time.process_time() - start
        assert spent < 6, (path, data[:40], spent)
        assert found is None or len(found) <= 2


def test_broken_records_are_problems_of_the_image(tmp_path: Path) -> None:
    broken = {
        "var/lib/dpkg/status": b"nonsense \x1b[31m\n",
        "lib/apk/db/installed": b"nonsense\n",
        "var/lib/chisel/manifest.wall": b"nonsense\n",
        SQLITE: b"SQLite format 3\0nonsense",
        NDB: b"RpmPnonsense",
        BERKELEY: b"nonsense",
        "var/lib/rpm/rpmdb.sqlite-wal": b"frames",
        "var/lib/rpmmanifest/container-manifest-2": b"nonsense\n",
    }
    facts = made.facts(tmp_path, [made.file(path, data) for path, data in broken.items()])
    problems = facts.layers[0].problems
    assert {problem.path for problem in problems} == set(broken)
    assert {problem.kind for problem in problems} == {"record"}
    assert all(problem.detail.isprintable() for problem in problems)
    assert facts.packages == ()
