"""Programs and jars that lie about what is in them."""

from __future__ import annotations

import io
import struct
import time
import zipfile
import zlib
from pathlib import Path

import madeelf
import madeimage as made
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgforge.analysis.blob import Limits
from imgforge.analysis.content import Contents
from imgforge.analysis.elf import build_id, shape
from imgforge.analysis.packages import go, pom, rust
from imgforge.secrets.find import by_keyword

LIST = b'{"packages":['
BROKEN_GO = [
    go.MAGIC + b"\x08\x02" + bytes(16) + b"\xff" * 12,
    go.MAGIC + b"\x08\x02" + bytes(16) + madeelf.varint(1 << 27) + b"go1.22",
    go.MAGIC + b"\x08\x02" + bytes(16) + madeelf.varint(900) + b"go1.22",
    go.MAGIC + b"\x08\x02" + bytes(16) + b"\x03abc\x00",
    go.MAGIC + b"\x08\x00" + struct.pack("<QQ", 1 << 63, 1 << 63),
    go.MAGIC + b"\x04\x01" + bytes(64),
]
BROKEN_RUST = [
    zlib.compress(LIST),
    zlib.compress(LIST + b"1]}"),
    zlib.compress(LIST + b'{"name":"a"}]}'),
    zlib.compress(LIST + b'{"name":"a","version":"1","dependencies":[7]}]}'),
    zlib.compress(LIST + b'{"name":"a","version":"1","dependencies":["x"]}]}'),
    zlib.compress(LIST + b"[" * 200_000),
    zlib.compress(LIST + b" " * (64 << 20)),
    zlib.compress(LIST + b'{"name":"a","version":"1"}]}')[:-6],
    b"\0.dep-v0\0",
]


def looked(data: bytes, path: str = "x", limits: Limits | None = None) -> Contents:
    contents = Contents(by_keyword, limits or Limits())
    stream = io.BytesIO(data)
    contents.file(path, stream.read(contents.limits.window), stream.read, len(data))
    contents.flush()
    return contents


@pytest.mark.parametrize("text", BROKEN_GO)
@pytest.mark.parametrize("before", [0, 5 << 20])
def test_build_information_that_lies_is_told(text: bytes, before: int) -> None:
    notes = madeelf.note(b"Go", 4, b"id")
    found = looked(madeelf.elf(bytes(before) + text + bytes(16), notes=notes))
    assert [problem.kind for problem in found.problems] == ["record"]
    assert found.packages == {}
    assert list(found.binaries) == ["x"]


@pytest.mark.parametrize("text", BROKEN_RUST)
@pytest.mark.parametrize("before", [0, 5 << 20])
def test_lists_of_crates_that_lie_are_told(text: bytes, before: int) -> None:
    started = time.monotonic()
    found = looked(madeelf.elf(bytes(before), text))
    assert [problem.kind for problem in found.problems] == ["record"]
    assert found.packages == {}
    assert time.monotonic() - started < 10


def test_a_list_that_never_gets_on_is_given_up() -> None:
    stream = zlib.compressobj()
    start = stream.compress(LIST) + stream.flush(zlib.Z_SYNC_FLUSH)
    empty = b"\0\0\0\xff\xff" * (4 << 20)
    found = looked(madeelf.elf(b"", start + empty))
    assert [problem.kind for problem in found.problems] == ["record"]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=300), st.integers(0, 400), st.binary(max_size=40))
def test_nothing_in_a_head_breaks_its_reader(rest: bytes, at: int, put: bytes) -> None:
    whole = madeelf.elf(rest, notes=madeelf.note(b"GNU", 3, b"ab"))
    data = b"\x7fELF" + (whole[:at] + put + whole[at + len(put) :])[4:]
    found = shape(data)
    if found is not None:
        assert isinstance(build_id(data, found), str)
        assert found.end >= 0
    looked(data)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=200), st.booleans())
def test_nothing_after_a_mark_breaks_its_readers(head: bytes, text: bytes, old: bool) -> None:  # noqa: FBT001
    data = go.MAGIC + bytes([8, 0 if old else 2]) + head.ljust(16, b"\0")[:16] + text
    found = looked(madeelf.elf(data, text))
    assert {problem.kind for problem in found.problems} <= {"record", "closed"}


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_nothing_breaks_the_readers_of_crates_and_poms(data: bytes) -> None:
    with pytest.raises(ValueError, match="crates"):
        rust.packages("x", data)
    pom.read(data.decode(errors="replace"))
    pom.brief(data.decode(errors="replace"))


def test_a_pom_costs_what_it_is_long() -> None:
    started = time.monotonic()
    for text in ("<a", "<!--", "<?", "</a>", "<a>", "<licenses>", "<a b='", "&lt;"):
        pom.read("<project>" + text * 50_000)
        pom.brief("<project>" + text * 50_000)
    assert time.monotonic() - started < 5


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def test_jars_in_jars_have_an_end() -> None:
    data = zipped({"META-INF/maven/g/a/pom.properties": b"version=1\ngroupId=g\nartifactId=a\n"})
    for _ in range(9):
        data = zipped({"BOOT-INF/lib/a-1.jar": data})
    found = looked(data, "app.jar")
    assert "unread" in {problem.kind for problem in found.problems}


def test_records_without_end_are_told() -> None:
    many = {f"META-INF/maven/g{n}/a/pom.properties": b"version=1\n" for n in range(3_000)}
    found = looked(zipped(many), "a.jar", Limits(packages=100))
    assert sum(map(len, found.packages.values())) == 100
    assert [problem.kind for problem in found.problems] == ["unread"]
    large = {"META-INF/maven/g/a/pom.properties": b"#" * (2 << 20)}
    found = looked(zipped(large), "a.jar")
    assert [problem.kind for problem in found.problems] == ["record"]


def test_programs_without_end_are_told(tmp_path: Path) -> None:
    members = [made.file(f"bin/{number}", madeelf.elf(b"x")) for number in range(20)]
    raw = made.tar(*members)
    blob = tmp_path / "blob"
    blob.write_bytes(raw)
    facts = made.read(blob, by_keyword, limits=Limits(binaries=5))
    assert len(facts.binaries) == 5
    assert [problem.kind for problem in facts.problems] == ["unread"]
