from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import madeimage as made
import pytest
import zstandard
from madearchive import nested, zipped
from madesecrets import CONFIG_SAMPLES, SAMPLES, pem

from imgforge import malware
from imgforge.analysis import kinds
from imgforge.analysis.blob import Limits
from imgforge.analysis.content import Contents
from imgforge.analysis.facts import LayerFacts
from imgforge.analysis.programs import MARKS, identify
from imgforge.secrets.engine import candidates
from imgforge.secrets.find import by_keyword

TOKEN = SAMPLES["github-token"]
SECRET = f"token {TOKEN} end\n".encode()
ELF = b"\x7fELF\x02\x01\x01" + bytes(57)


def found(tmp_path: Path, *members: made.Member, limits: Limits | None = None) -> LayerFacts:
    facts = made.layer(tmp_path, made.tar(*members), limits)
    path = tmp_path / "blob"
    if path.stat().st_size < 100_000:
        assert made.read(path, by_keyword, limits) == facts
    return facts


def deb(*members: tuple[str, bytes]) -> bytes:
    out = b"!<arch>\n"
    for name, data in members:
        out += b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (name.encode(), 0, 0, 0, b"100644", len(data))
        out += data + b"\n" * (len(data) % 2)
    return out


def tarred(data: bytes) -> bytes:
    return made.tar(made.file("./etc/key", data))


def old(tar: bytes) -> bytes:
    """Take the magic from the first header, as tars before POSIX lack it."""
    header = bytearray(tar[:257] + bytes(255))
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + tar[512:]


def git_object(data: bytes) -> bytes:
    return zlib.compress(b"blob %d\0" % len(data) + data)


def git_pack(*objects: tuple[int, bytes, bytes]) -> bytes:
    """Write a pack: of each object its type, what stands before the stream, and its content."""
    out = b"PACK" + struct.pack(">II", 2, len(objects))
    for kind, before, data in objects:
        size = len(data)
        byte, size = kind << 4 | size & 15, size >> 4
        while size:
            out += bytes([byte | 0x80])
            byte, size = size & 0x7F, size >> 7
        out += bytes([byte]) + before + zlib.compress(data)
    return out + hashlib.sha1(out, usedforsecurity=False).digest()


WRAPPERS: dict[str, tuple[list[Callable[[bytes], bytes]], str]] = {
    "gzip": ([gzip.compress], ""),
    "two gzip members": ([lambda data: gzip.compress(b"first\n") + gzip.compress(data)], ""),
    "bzip2": ([bz2.compress], ""),
    "xz": ([lzma.compress], ""),
    "zstd": ([zstandard.compress], ""),
    "tar": ([tarred], "etc/key"),
    "old tar": ([tarred, old], "etc/key"),
    "tar.gz": ([tarred, gzip.compress], "etc/key"),
    "zip": ([lambda data: zipped(("a/b", data))], "a/b"),
    "streamed zip": ([lambda data: zipped(("a/b", data), streamed=True)], "a/b"),
    "stored zip": ([lambda data: zipped(("a/b", data), method=0)], "a/b"),
    "zip after a script": ([lambda data: b"#!/bin/x\n" + zipped(("a", data))], "a"),
    "jar in a jar": (
        [lambda data: zipped(("in", data)), lambda data: zipped(("lib/x.jar", data), method=0)],
        "lib/x.jar!/in",
    ),
    "deb": (
        [tarred, lzma.compress, lambda data: deb(("debian-binary", b"2.0\n"), ("d.xz", data))],
        "d.xz!/etc/key",
    ),
    "git object": ([git_object], ""),
    "git pack": ([lambda data: git_pack((3, b"", data), (3, b"", b"more"))], "c"),
    "delta by offset": ([lambda data: git_pack((6, b"\x81\2", data), (1, b"", b"x"))], "c"),
    "delta by name": ([lambda data: git_pack((7, bytes(20), data), (2, b"", b"x"))], "c"),
    "jar in a pack": ([lambda d: git_pack((3, b"", zipped(("in", d))))], "c!/in"),
    "six deep": ([gzip.compress, tarred, *[gzip.compress] * 4], "etc/key"),
}


@pytest.mark.parametrize("filler", [0, 1_200_000])
@pytest.mark.parametrize("case", WRAPPERS)
def test_credentials_in_archives(case: str, filler: int, tmp_path: Path) -> None:
    wrappers, inside = WRAPPERS[case]
    data = nested(b"filler\n" * (filler // 7) + SECRET, wrappers)
    facts = found(tmp_path, made.file("opt/it", data))
    assert facts.problems == ()
    [hit] = facts.secrets
    assert (hit.rule, hit.path, hit.inside) == ("github-token", "opt/it", inside)
    assert hit.line == filler // 7 + 1 + (case == "two gzip members")


@pytest.mark.parametrize("filler", [0, 4_500_000])
@pytest.mark.parametrize(
    "head",
    [ELF, b"\xa7\x0d\r\n" + bytes(12), b"MZ" + bytes(60), b"\xca\xfe\xba\xbe\0\0", b"\0\1\2"],
)
def test_credentials_in_executables_and_other_binaries(
    head: bytes, filler: int, tmp_path: Path
) -> None:
    [hit] = found(tmp_path, made.file("x", head + bytes(filler) + b"\0" + SECRET + b"\0")).secrets
    assert (hit.rule, hit.path) == ("github-token", "x")


@pytest.mark.parametrize("filler", [0, 1_200_000])
@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
def test_credentials_in_utf16(codec: str, filler: int, tmp_path: Path) -> None:
    text = "filler\n" * (filler // 7) + SECRET.decode()
    [hit] = found(tmp_path, made.file("x.txt", text.encode(codec))).secrets
    assert (hit.rule, hit.line) == ("github-token", filler // 7 + 1)


def test_utf16_text_of_windows_programs(tmp_path: Path) -> None:
    data = b"MZ" + bytes(100) + b"\x90\xff" + SECRET.decode().encode("utf-16-le") + bytes(50)
    [hit] = found(tmp_path, made.file("app.dll", data)).secrets
    assert hit.rule == "github-token"


def test_shell_scripts_set_variables_whatever_they_are_called(tmp_path: Path) -> None:
    text = b"\nexport DB_PASSWORD=Xk29fjw8s0\n"
    starts = [b"#!/bin/sh", b"#!/usr/bin/env bash", b"#!/bin/dash -e", b"#!/usr/bin/python3"]
    files = [made.file(f"opt/{index}", start + text) for index, start in enumerate(starts)]
    assert [hit.path for hit in found(tmp_path, *files).secrets] == ["opt/0", "opt/1", "opt/2"]


def test_settings_in_archives_are_settings(tmp_path: Path) -> None:
    text = CONFIG_SAMPLES["url-password"].encode()
    jar = zipped(("app.properties", text), ("Prose.txt", text))
    facts = found(tmp_path, made.file("a.jar", jar), made.file("b.env.gz", gzip.compress(text)))
    assert {(hit.path, hit.inside) for hit in facts.secrets if hit.rule == "url-password"} == {
        ("a.jar", "app.properties"),
        ("b.env.gz", ""),
    }


def test_what_a_stored_member_shows_is_told_once(tmp_path: Path) -> None:
    data = zipped(("a", SECRET), method=0) + b"after the end: " + pem().encode()
    hits = found(tmp_path, made.file("x.zip", data)).secrets
    assert [(hit.rule, hit.inside) for hit in hits] == [("github-token", "a"), ("private-key", "")]


def test_marks_of_small_files_do_not_join(tmp_path: Path) -> None:
    half = len(TOKEN) // 2
    members = [made.file("a", TOKEN[:half].encode()), made.file("b", TOKEN[half:].encode())]
    assert found(tmp_path, *members).secrets == ()


DAMAGED: dict[str, tuple[bytes, str, str]] = {
    "truncated gzip": (gzip.compress(SECRET * 9)[:-9], "damaged", "truncated"),
    "broken xz": (lzma.compress(SECRET * 99)[:40] + b"\xff" * 40, "damaged", "broken"),
    "truncated bzip2": (bz2.compress(SECRET)[:-9], "damaged", "truncated"),
    "truncated zstd": (zstandard.compress(SECRET * 9)[:-3], "damaged", "truncated"),
    "truncated tar": (made.tar(made.file("x", bytes(2000)))[:1000], "damaged", "truncated"),
    "truncated zip": (zipped(("a", SECRET))[:-9], "damaged", "no end"),
    "broken deb": (deb(("debian-binary", b"2.0\n")) + b"?" * 60, "damaged", "header"),
    "truncated git object": (git_object(SECRET)[:-9], "damaged", "truncated"),
    "broken git object": (git_object(SECRET)[:-1] + b"\xff", "damaged", "broken"),
    "truncated git pack": (git_pack((3, b"", b"x"), (3, b"", b"y"))[:-30], "damaged", "truncated"),
    "endless git number": (git_pack((6, b"\xff" * 5000, b""))[:5000], "damaged", "truncated"),
    "unknown git object": (git_pack((5, b"", SECRET)), "damaged", "type 5"),
    "git pack of many": (git_pack((3, b"", b"x"))[:8] + b"\xff" * 99, "damaged", "truncated"),
    "unknown method": (zipped(("a", SECRET), method=14), "unread", "method 14"),
    "seven deep": (nested(SECRET, [gzip.compress] * 7), "unread", "over 6 deep"),
    "xz of a huge window": (
        lzma.compress(b"x", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]),
        "damaged",
        "limit",
    ),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_archives_that_are_not_read_are_problems(case: str, tmp_path: Path) -> None:
    data, kind, word = DAMAGED[case]
    facts = found(tmp_path, made.file("x", data), made.file("after", SECRET))
    assert facts.problems
    assert {(problem.kind, problem.path) for problem in facts.problems} == {(kind, "x")}
    assert word in facts.problems[0].detail
    assert "after" in {hit.path for hit in facts.secrets}


def test_what_a_broken_archive_shows_is_found(tmp_path: Path) -> None:
    for start in (b"PK\3\4", b"\x1f\x8b", b"BZh91AY&SY", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"):
        [hit] = found(tmp_path, made.file("x", start + SECRET)).secrets
        assert hit.rule == "github-token"


class Hit(NamedTuple):
    engine: str
    rule: str
    title: str


class Passing:
    def __init__(self) -> None:
        self.data = b""

    def feed(self, data: bytes) -> None:
        self.data += data

    def end(self) -> list[Hit]:
        return [Hit("hash", str(len(self.data)), "title")] if b"EVIL" in self.data else []

    def close(self) -> None:
        self.data = b""


class Scanner:
    def scan(self, data: bytes) -> list[Hit]:
        passing = self.open()
        passing.feed(data)
        return passing.end()

    def suspects(self, files: Sequence[bytes], joined: bytes) -> Sequence[int]:
        return range(len(files)) if b"EVIL" in joined else ()

    def open(self) -> Passing:
        return Passing()


@pytest.mark.parametrize("size", [100, 1 << 20, (4 << 20) - 1, 4 << 20, 5 << 20])
def test_malware_sees_every_file_whole(size: int, tmp_path: Path) -> None:
    evil = bytes(size - 4) + b"EVIL"
    inner = zipped(("dir/", b""), ("in/x", evil), ("in/y", b"fine"))
    path = tmp_path / "blob"
    path.write_bytes(made.tar(made.file("evil", evil), made.file("a.zip", inner)))
    facts = made.read(path, candidates(None), scanner=Scanner())
    assert facts.secrets == ()
    assert [(hit.path, hit.inside, hit.rule) for hit in facts.malware] == [
        ("evil", "", str(size)),
        ("a.zip", "in/x", str(size)),
    ]
    stored = zipped(("x", evil), method=0)
    path.write_bytes(made.tar(made.file("a.zip", stored)))
    hits = made.read(path, candidates(None), scanner=Scanner()).malware
    assert {(hit.inside, hit.rule) for hit in hits} == {("x", str(size)), ("", str(len(stored)))}


def test_the_scanner_there_is_does_what_is_asked_of_it(tmp_path: Path) -> None:
    eicar = r"X5O!P%@AP[4\PZX54(P^)7CC)7}" + "$EICAR-" + "STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
    path = tmp_path / "blob"
    path.write_bytes(made.tar(made.file("a.jar", zipped(("in/x", eicar.encode())))))
    hits = made.read(path, candidates(None), scanner=malware.scanner(None)).malware
    assert {(hit.path, hit.inside) for hit in hits} == {("a.jar", "in/x")}


PROGRAMS = sorted({mark.signature for mark in MARKS if mark.signature >= 0})


@pytest.mark.parametrize("signature", PROGRAMS)
def test_programs_are_known_by_their_strings(signature: int, tmp_path: Path) -> None:
    texts = [mark.text for mark in MARKS if mark.signature == signature]
    marks = [mark for mark in MARKS if mark.signature == signature]
    script = not identify(marks, script=False)
    name = identify(marks, script=script)
    head = b"#!/usr/bin/python3\n" if script else ELF
    data = head + b"\n".join(texts) + b"\n"
    facts = found(
        tmp_path,
        made.file("app/helper", data, 0o755),
        made.file("not/executable", data, 0o644),
        made.file("replaced", data, 0o755),
        made.file("replaced", b"x", 0o755),
        made.file("prose.txt", b"about " + data, 0o755),
        made.file("part", head + b"\n".join(texts[1:]), 0o755),
        made.file("large", head + bytes(9 << 20) + b"\n".join(texts), 0o755),
    )
    assert facts.programs == dict.fromkeys(["app/helper", "not/executable", "large"], name)


def test_bash_of_this_machine_is_bash(tmp_path: Path) -> None:
    facts = found(tmp_path, made.file("init", Path("/bin/bash").read_bytes(), 0o755))
    assert facts.programs == {"init": "bash"}


def test_busybox_is_no_other_shell() -> None:
    named = {"busybox", "dash"}
    marks = [mark for mark in MARKS if identify([mark], script=False) in {*named, ""}]
    assert identify(marks, script=False) == "busybox"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", kinds.TEXT),
        (b"text", kinds.TEXT),
        (b"MZ is how this text begins", kinds.TEXT),
        (b"BZh is too", kinds.TEXT),
        (b"!<arch>\nlibc.a", kinds.TEXT),
        (b"PACKAGE=x", kinds.TEXT),
        (git_pack(), kinds.GIT_PACK),
        (git_object(b"x"), kinds.GIT_OBJECT),
        (b"x^ is a power", kinds.TEXT),
        (b"x\x9c", kinds.TEXT),
        (zlib.compress(b"blob of text"), kinds.BINARY),
        (zlib.compress(bytes(99)), kinds.BINARY),
        (b"\0" * 600, kinds.BINARY),
        (b"a\0" * 300, kinds.UTF16),
        (b"\0a" * 300, kinds.UTF16),
        (b"a\0b\0\0\0\0\0" * 300, kinds.BINARY),
        (made.tar(made.folder("x")), kinds.TAR),
        (b"#!/bin/sh", kinds.SCRIPT),
        (ELF, kinds.ELF),
    ],
)
def test_kinds(head: bytes, kind: str) -> None:
    assert kinds.kind(head) == kind


def test_reading_is_in_order_whatever_the_reader_gives() -> None:
    contents = Contents(candidates(None), Limits(window=4096, inner_window=4096))
    data = gzip.compress(bytes(100_000) + SECRET)
    stream = io.BytesIO(data)
    contents.file("x", stream.read(100), lambda n: stream.read(min(n, 7)), 9)
    contents.flush()
    assert [hit.offset for hit in contents.secrets] == [100_006]


FRONTS = [ELF, b"\x89PNG\r\n\x1a\n\0", b"MZ\0", b"hello\n", b"\xff\xfeh\0i\0", b"#!/bin/sh\n"]


@pytest.mark.parametrize("front", FRONTS, ids=lambda front: repr(front[:4]))
@pytest.mark.parametrize("comment", [b"", b"said last"])
def test_a_zip_behind_anything_is_opened(front: bytes, comment: bytes, tmp_path: Path) -> None:
    packed = bytearray(zipped(("key.txt", b"x " * 200 + SECRET)))
    packed[-2:] = len(comment).to_bytes(2, "little")
    facts = found(tmp_path, made.file("logo", front * 40 + packed + comment))
    assert [hit.inside for hit in facts.secrets] == ["key.txt"]


def test_a_zip_behind_settings_hides_nothing_in_them(tmp_path: Path) -> None:
    front = b"password = hunter7Xk9qq1\n"
    for i, text in enumerate((front, front.decode().encode("utf-16"))):
        data = text * 2 + zipped(("a.txt", b"x"))
        facts = found(tmp_path, made.file(f"{i}/app.ini", data))
        assert {hit.rule for hit in facts.secrets} == {"assigned-secret"}


def test_a_zero_byte_does_not_make_settings_binary(tmp_path: Path) -> None:
    facts = found(tmp_path, made.file("app/.env", b"DB_PASSWORD=hunter7Xk9qq1\n\0"))
    assert [hit.rule for hit in facts.secrets] == ["assigned-secret"]


def test_what_only_looks_like_the_end_of_a_zip_is_none(tmp_path: Path) -> None:
    end = b"PK\5\6" + bytes(18)
    data = [ELF + b"PK\3\4PK\1\2PK\5\6" + bytes(100), ELF + end, ELF * 99 + end[:-10]]
    facts = found(tmp_path, *(made.file(f"{i}", d, 0o755) for i, d in enumerate(data)))
    assert facts.problems == ()


def test_a_zip_that_begins_far_inside_a_file_is_told(tmp_path: Path) -> None:
    data = ELF.ljust(3000, b"\1") + zipped(("key.txt", SECRET))
    facts = found(tmp_path, made.file("tool", data), limits=Limits(window=2000, inner_window=500))
    assert [problem.kind for problem in facts.problems] == ["unread"]


@pytest.mark.parametrize("codec", ["utf-32", "utf-32-le", "utf-32-be"])
def test_utf32_text_is_searched(codec: str, tmp_path: Path) -> None:
    facts = found(tmp_path, made.file("notes", SECRET.decode().encode(codec)))
    assert [hit.rule for hit in facts.secrets] == ["github-token"]


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"Rar!\x1a\x07\x01\x00", "a RAR archive"),
        (b"\x04\x22\x4d\x18\x64\x40", "an LZ4 stream"),
        (b"LZIP\x01", "an lzip stream"),
        (b"\xed\xab\xee\xdb\x03\x00", "an RPM package"),
        (b"hsqs", "a squashfs image"),
        (b"070701", "a cpio archive"),
        (b"MSCF\0\0", "a cabinet"),
    ],
)
def test_archives_that_are_not_opened_are_said_and_searched_as_they_are(
    head: bytes, what: str, tmp_path: Path
) -> None:
    data = head + b"\0\n" + SAMPLES["github-token"].encode() + b"\n"
    inner = zipped(("in", data))
    facts = made.layer(tmp_path, made.tar(made.file("a", data), made.file("b.zip", inner)))
    assert {(p.kind, p.path, p.detail) for p in facts.problems} == {
        ("closed", "a", f"{what} is not opened"),
        ("closed", "b.zip", f"in: {what} is not opened"),
    }
    assert {(hit.path, hit.inside) for hit in facts.secrets} == {("a", ""), ("b.zip", "in")}


def test_numbers_are_no_cpio_archive(tmp_path: Path) -> None:
    assert made.layer(tmp_path, made.tar(made.file("a", b"0707 is a number"))).problems == ()
