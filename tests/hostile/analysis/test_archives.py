from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import madeimage as made
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from madearchive import zipped
from madesecrets import SAMPLES

from imgforge.analysis.blob import Limits
from imgforge.analysis.content import Contents
from imgforge.analysis.facts import LayerFacts
from imgforge.secrets.engine import candidates

SECRET = f"token {SAMPLES['github-token']} end\n".encode()
KINDS = {"unread", "damaged", "encrypted"}
SMALL = Limits(inner_floor=4 << 20, inner_ratio=2, inner=16 << 20)


def looked(data: bytes, limits: Limits | None = None) -> Contents:
    """Look into one file, and see that only what may be said is said of it."""
    contents = Contents(candidates(None), limits or Limits())
    stream = io.BytesIO(data)
    head = stream.read(contents.limits.window)
    contents.file("x", head, stream.read, len(data))
    contents.flush()
    assert {problem.kind for problem in contents.problems} <= KINDS
    return contents


def layer(tmp_path: Path, *members: made.Member, limits: Limits | None = None) -> LayerFacts:
    return made.layer(tmp_path, made.tar(*members), limits)


ZEROS = bytes(1 << 20)
BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: gzip.compress(ZEROS * 16),
    "bzip2": lambda: bz2.compress(ZEROS * 16),
    "xz": lambda: lzma.compress(ZEROS * 16),
    "zstd": lambda: zstandard.compress(ZEROS * 16),
    "zip": lambda: zipped(("x", ZEROS * 16)),
    "streamed zip": lambda: zipped(("x", ZEROS * 16), streamed=True),
    "many members": lambda: zipped(*((f"m{n}", ZEROS) for n in range(16))),
    "tar in gzip": lambda: gzip.compress(made.tar(made.file("x", ZEROS * 16))),
    "gzip in gzip": lambda: gzip.compress(gzip.compress(ZEROS * 64)),
    "zips in a zip": lambda: zipped(*((f"{n}.zip", zipped(("x", ZEROS))) for n in range(16))),
    "gzip members": lambda: gzip.compress(ZEROS) * 16,
}


@pytest.mark.parametrize("case", BOMBS)
def test_bombs_stop_at_the_limit(case: str) -> None:
    contents = looked(BOMBS[case](), SMALL)
    assert [problem.kind for problem in contents.problems] == ["unread"]
    assert "expand to too much" in contents.problems[0].detail


def test_after_a_bomb_the_layer_is_read_on(tmp_path: Path) -> None:
    bomb = made.file("bomb", gzip.compress(ZEROS * 16) + SECRET)
    after = made.file("after.gz", gzip.compress(SECRET))
    facts = layer(tmp_path, bomb, after, limits=SMALL)
    assert [hit.path for hit in facts.secrets] == ["bomb", "after.gz"]
    assert [problem.kind for problem in facts.problems] == ["unread"]


def test_many_bombs_share_one_limit(tmp_path: Path) -> None:
    bombs = [made.file(f"b{n}", gzip.compress(ZEROS * 3)) for n in range(8)]
    facts = layer(tmp_path, *bombs, limits=SMALL)
    assert [problem.path for problem in facts.problems] == ["b5", "b6", "b7"]


def test_members_are_counted(tmp_path: Path) -> None:
    jar = made.file("a.jar", zipped(*((f"m{n}", b"") for n in range(50))))
    tar = made.file("a.tar", made.tar(*(made.file(f"m{n}", b"") for n in range(50))))
    for limits, paths in (
        (Limits(archive_entries=49), ["a.jar", "a.tar"]),
        (Limits(inner_entries=99), ["a.tar"]),
        (Limits(archive_entries=50, inner_entries=100), []),
    ):
        problems = layer(tmp_path, jar, tar, limits=limits).problems
        assert [problem.path for problem in problems] == paths
        assert all("too many members" in problem.detail for problem in problems)


def test_complaints_are_counted(tmp_path: Path) -> None:
    broken = [made.file(f"{n}.gz", b"\x1f\x8bx") for n in range(30)]
    problems = layer(tmp_path, *broken, limits=Limits(complaints=10)).problems
    assert [problem.kind for problem in problems] == ["damaged"] * 10 + ["unread"]


def test_archives_without_end_in_themselves_end() -> None:
    data = SECRET
    for number in range(100):
        data = zipped((f"{number}.zip", data), method=zipfile.ZIP_STORED)
    contents = looked(data)
    assert [problem.kind for problem in contents.problems] == ["unread"]
    assert [hit.rule for hit in contents.secrets] == ["github-token"]


def test_overlapping_members_are_read_once() -> None:
    kernel = zlib.compress(ZEROS)[2:-4]
    crc = zlib.crc32(ZEROS)
    sizes = (crc, len(kernel), len(ZEROS))
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 8, 0, 0, *sizes, 1, 0) + b"a" + kernel
    central = b"".join(
        struct.pack(
            "<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, 20, 0, 8, 0, 0, *sizes, 1, 0, 0, 0, 0, 0, 0
        )
        + bytes([65 + number % 26])
        for number in range(1000)
    )
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1000, 1000, len(central), len(local), 0)
    contents = looked(local + central + end, Limits(inner_floor=2 << 20, inner_ratio=0))
    assert contents.problems
    assert all(problem.kind == "damaged" for problem in contents.problems)


SPARSE = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9"}
ARCHIVES: dict[str, bytes] = {
    "zip": zipped(("a", SECRET * 20), ("b/", b""), ("c", b"x")),
    "streamed": zipped(("a", SECRET * 20), ("b/", b""), ("c", b"x"), streamed=True),
    "stored": zipped(("a", SECRET), ("c", b"x"), method=zipfile.ZIP_STORED),
    "jar in zip": zipped(("l.jar", zipped(("a", SECRET), ("b", b"y"))), ("t", gzip.compress(b""))),
    "tar.gz": gzip.compress(made.tar(made.file("a", SECRET), made.symlink("b", "a"))),
    "xz": lzma.compress(SECRET),
    "bzip2": bz2.compress(SECRET),
    "zstd": zstandard.compress(SECRET * 20),
    "sparse tar.gz": gzip.compress(
        made.tar(made.file("s", b"1\n2\n2\n".ljust(512, b"\0") + b"ab", pax_headers=SPARSE))
    ),
}


def test_archives_are_sound_before_they_are_damaged() -> None:
    for data in ARCHIVES.values():
        assert looked(data).problems == []


@pytest.mark.parametrize("case", ARCHIVES)
def test_cut_at_every_byte_it_is_a_problem(case: str) -> None:
    data = ARCHIVES[case]
    for end in range(len(data)):
        # With less than ten bytes nobody can tell what it was.
        assert looked(data[:end]).problems or end < 10


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_damage_in_archives_never_escapes(data: st.DataObject) -> None:
    archive = bytearray(ARCHIVES[data.draw(st.sampled_from(sorted(ARCHIVES)))])
    for _ in range(data.draw(st.integers(1, 12))):
        at = data.draw(st.integers(0, len(archive) - 1))
        archive[at] = data.draw(st.sampled_from([0, 1, 255, archive[at] ^ 1]) | st.integers(0, 255))
    inside = bytes(archive)
    for wrapped in (inside, gzip.compress(inside), zipped(("in", inside))):
        looked(wrapped, Limits(inner_floor=8 << 20, window=40_000, inner_window=40_000))


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(tail=st.binary(max_size=200))
def test_anything_may_follow_a_magic_number(tail: bytes) -> None:
    for magic in (b"PK\3\4", b"PK\5\6", b"\x1f\x8b\x08", b"BZh91AY&SY", b"\xfd7zXZ\0"):
        looked(magic + tail)
    for magic in (b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18", b"!<arch>\ndebian-binary", b"\xff\xfe"):
        looked(magic + tail)


def local(packed: int, size: int, name: int, extra: int) -> bytes:
    return struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 45, 0, 0, 0, 0, 0, packed, size, name, extra)


LYING = {
    "a size of 4 GiB": local(2**32 - 2, 2**32 - 2, 1, 0),
    "a name of 64 KiB": local(9, 9, 65535, 65535),
    "a size of 2^64": local(2**32 - 1, 2**32 - 1, 0, 20)
    + struct.pack("<HHQQ", 1, 16, 2**64 - 1, 2**64 - 1),
    "a directory of 2^64": b"PK\6\6" + b"\xff" * 60,
    "an ar member of 10 GB": b"!<arch>\n" + b"debian-binary".ljust(48) + b"9999999999`\n",
}


@pytest.mark.parametrize("case", LYING)
def test_lengths_that_lie_cost_nothing(case: str) -> None:
    tracemalloc.start()
    looked(LYING[case] + SECRET)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20


def test_memory_does_not_depend_on_sizes(tmp_path: Path) -> None:
    big = bytes(range(256)) * 4096 * 24
    jar = zipped(("big", big), ("deep.zip", zipped(("big", big), streamed=True)))
    path = tmp_path / "blob"
    path.write_bytes(gzip.compress(made.tar(made.file("x.jar", jar + bytes(9 << 20))), 1))
    del big, jar

    engine = candidates(None)
    tracemalloc.start()
    facts = made.read(path, engine)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert facts.problems == ()
    assert peak < 64 << 20


@pytest.mark.parametrize(
    "data",
    [
        b"PK\3\4" * 300_000,
        b"PK\1\2" * 300_000,
        b"PK\7\10" * 300_000,
        (b"PK\3\4" + bytes([20, 0, 8]) + bytes(23)) * 40_000,
        gzip.compress(b"") * 60_000,
        b"\x1f\x8b" * 500_000,
        b"-----BEGIN RSA PRIVATE KEY-----\n" * 40_000,
        b"-----BEGIN RSA PRIVATE KEY-----\n" + b"aa: " * 300,
        (b"-----BEGIN PRIVATE KEY-----\n" + b"Proc-Type: 4,\\r\\n" * 50) * 1000,
        b"eyJ" * 400_000,
        (b"eyJ" + b"a" * 14 + b".") * 60_000,
        b"a://" * 250_000,
        b"a\0" * 600_000,
    ],
)
def test_time_is_bounded(data: bytes) -> None:
    start = time.process_time()
    looked(data)
    # A megabyte of the worst: the slack is for slow and busy machines.
    assert time.process_time() - start < 10
