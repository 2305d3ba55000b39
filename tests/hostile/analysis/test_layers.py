from __future__ import annotations

import gzip
import json
import tarfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import madeimage as made
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgforge.analysis import analyse
from imgforge.analysis.blob import Limits
from imgforge.checks import run
from imgforge.checks.finding import Severity
from imgforge.errors import InvalidInputError
from imgforge.oci.layout import Layout
from imgforge.policy import Policy

RAW = made.tar(made.file("a", b"hello"), made.file("b/c", b"world" * 500))


def header(**fields: bytes) -> bytes:
    """Return one header block with fields replaced and its checksum right."""
    at = {"name": 0, "mode": 100, "uid": 108, "size": 124, "kind": 156, "magic": 257, "prefix": 345}
    block = bytearray(made.tar(made.file("victim", b""))[:512])
    for key, value in fields.items():
        block[at[key] : at[key] + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def pax(kind: bytes = b"x", **records: bytes) -> bytes:
    """Return an extended header of these records, all shorter than 10 kB."""
    data = b""
    for key, value in records.items():
        record = b" %s=%s\n" % (key.encode(), value)
        digits = next(n for n in range(1, 6) if len(str(len(record) + n)) == n)
        data += b"%d" % (len(record) + digits) + record
    return header(kind=kind, size=b"%011o\0" % len(data)) + data + bytes(-len(data) % 512)


END = bytes(1024)
BASE256 = b"\x80" + bytes(11)

MALFORMED = {
    "cut in a header": (RAW[: 1024 + 100], "ends inside a header"),
    "cut in content": (RAW[: 512 + 2], "truncated"),
    "wrong checksum": (b"x" + RAW[1:], "checksum"),
    "negative base-256 size": (header(size=b"\xff" * 11 + b"\xf0") + END, "negative"),
    "huge base-256 size": (header(size=b"\x80" + b"\x7f" * 11) + END, "truncated"),
    "size in letters": (header(size=b"0000000hello") + END, "not a number"),
    "owner in letters": (header(uid=b"zzzzzzz\0") + END, "not a number"),
    "unknown type": (header(kind=b"Z") + END, "unknown type"),
    "gnu header with a prefix": (
        header(magic=b"ustar  \0", prefix=b"evil/prefix!") + END,
        "not a number",
    ),
    "huge long name": (header(kind=b"L", size=b"77777777777\0") + END, "extended header has"),
    "pax without length": (
        header(kind=b"x", size=b"00000000004\0") + b"abcd" + bytes(508),
        "length",
    ),
    "pax with a wrong length": (
        header(kind=b"x", size=b"00000000012\0") + b"99 path=x\n" + bytes(502),
        "broken",
    ),
    "zero-length record": (
        header(kind=b"x", size=b"00000000005\0") + b"0 a=\n" + bytes(507),
        "broken",
    ),
    "negative pax size": (
        header(kind=b"x", size=b"00000000013\0") + b"11 size=-5\n" + bytes(501) + RAW,
        "not a number",
    ),
    "zero byte in a pax path": (
        header(kind=b"x", size=b"00000000014\0") + b"12 path=a\0b\n" + bytes(500) + RAW,
        "zero byte",
    ),
    "ends after an extended header": (
        header(kind=b"L", size=b"00000000004\0") + b"name" + bytes(508) + END,
        "after an extended header",
    ),
    "data after the end": (RAW + b"hidden" + bytes(506), "after the end"),
    "one zero block, then more": (RAW[:1024] + bytes(512) + RAW[:1024], "after the end"),
    "global header that renames": (
        header(kind=b"g", size=b"00000000012\0") + b"10 path=x\n" + bytes(502) + RAW,
        "global header",
    ),
    "global header between a size and its member": (
        pax(size=b"1024")
        + pax(b"g", comment=b"c")
        + header(size=b"00000000000\0")
        + made.tar(made.file("su", b"", 0o4755)),
        "between",
    ),
    "path longer than any": (pax(path=b"a/" * 2048) + RAW, "longer"),
    "link longer than any": (pax(linkpath=b"a" * 4096) + RAW, "longer"),
    "overlay's redirection": (
        made.tar(made.file("a", pax_headers={"SCHILY.xattr.trusted.overlay.redirect": "/x"})),
        "another file",
    ),
    "mode in an attribute": (
        made.tar(made.file("a", pax_headers={"SCHILY.xattr.user.containers.override_stat": "0"})),
        "another file",
    ),
    "not a tar at all": (b"#!/bin/sh\n" * 100, "checksum"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_archives_are_problems(case: str, tmp_path: Path) -> None:
    raw, word = MALFORMED[case]
    for compress in (bytes, made.packed):
        facts = made.layer(tmp_path, compress(raw))
        assert [problem.kind for problem in facts.problems] == ["malformed"]
        assert word in facts.problems[0].detail


@pytest.mark.parametrize(
    ("blob", "word"),
    [
        (made.packed(RAW)[:-20], "gzip"),
        (made.packed(RAW)[:-8] + bytes(8), "gzip"),
        (made.packed(RAW) + b"trailing", "gzip"),
        (made.packed(RAW)[:40] + b"\xff" * 40 + made.packed(RAW)[80:], "gzip"),
        (zstandard.compress(RAW)[:-20], "truncated"),
        (zstandard.compress(RAW)[:30] + b"\xff" * 40, "zstd"),
        (zstandard.compress(RAW) + b"trailing", "zstd"),
        (b"\x1f\x8b", "gzip"),
    ],
)
def test_broken_compression_is_a_problem(blob: bytes, word: str, tmp_path: Path) -> None:
    facts = made.layer(tmp_path, blob)
    assert {problem.kind for problem in facts.problems} == {"malformed"}
    assert word in " ".join(problem.detail for problem in facts.problems)
    assert facts.size == len(blob)


@pytest.mark.parametrize("compress", [lambda raw: gzip.compress(raw, 9), zstandard.compress])
def test_bombs_stop_at_the_limit(compress: Callable[[bytes], bytes], tmp_path: Path) -> None:
    raw = made.tar(made.file("zeros", bytes(64 << 20)))
    limits = Limits(raw_floor=1 << 20, raw_ratio=20)
    facts = made.layer(tmp_path, compress(raw), limits)
    assert "decompresses to over" in facts.problems[0].detail


def test_many_gzip_members_stop_at_the_limit(tmp_path: Path) -> None:
    blob = gzip.compress(b"", mtime=0) * 300
    facts = made.layer(tmp_path, blob, Limits(members=200))
    assert "members" in facts.problems[0].detail


def test_many_entries_stop_at_the_limit(tmp_path: Path) -> None:
    raw = made.tar(*(made.file(f"f{i}", b"") for i in range(30)))
    facts = made.layer(tmp_path, raw, Limits(entries=20))
    assert len(facts.entries) == 20
    assert "over 20 entries" in facts.problems[0].detail


def test_the_limit_of_entries_is_a_million() -> None:
    assert Limits().entries == 1_000_000


@pytest.mark.parametrize(
    "member",
    [
        made.file("../../etc/passwd"),
        made.file("a/../../b"),
        made.file("a/.."),
        made.file("/etc/passwd"),
        made.hardlink("x", "../../etc/shadow"),
        made.hardlink("x", "/etc/shadow"),
        made.file("dir/.wh.."),
        made.file("dir/.wh..."),
        made.file(".wh."),
    ],
)
def test_reaching_out_is_critical(member: made.Member, tmp_path: Path) -> None:
    image = made.facts(tmp_path, [made.file("etc/shadow"), member])
    found = [f for f in run(image, Policy()) if f.check == "IF042"]
    assert found
    assert found[0].severity == Severity.CRITICAL
    assert not any(".." in path.split("/") for path in image.files)


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_device_nodes_are_findings(kind: bytes, tmp_path: Path) -> None:
    image = made.facts(tmp_path, [made.file("dev/sda", b"", type=kind)])
    assert "IF043" in {finding.check for finding in run(image, Policy())}


def test_cyclic_links_end(tmp_path: Path) -> None:
    image = made.facts(
        tmp_path,
        [made.symlink("a", "b"), made.symlink("b", "a"), made.symlink("self", "self/x")],
        [made.file("a/inside"), made.file("self/inside")],
    )
    assert image.lookup("a/x") is None
    assert image.lookup("self") is None
    assert {problem.detail for _, problem in image.problems} == {"symbolic links form a loop"}


def test_an_empty_long_name_is_none_as_in_go(tmp_path: Path) -> None:
    raw = header(kind=b"L", size=b"00000000001\0") + bytes(512) + RAW
    assert [entry.path for entry in made.layer(tmp_path, raw).entries] == ["a", "b/c"]


def test_many_directories_that_are_only_implied_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgforge.analysis.merge.MADE", 5_000)
    image = made.facts(tmp_path, [made.file(f"{i}/{'a/' * 20}x") for i in range(20)])
    assert [p.detail for _, p in image.problems if "directories" in p.detail]
    assert len(image.files) < 400


def test_chains_of_links_do_not_cost_hours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgforge.analysis.merge.STEPS", 10_000)
    links = [made.symlink(f"l{i + 1}", f"l{i}/{'../d/' * 99}") for i in range(30)]
    members = [made.folder("d"), made.symlink("l0", "d"), *links]
    image = made.facts(tmp_path, [*members, *(made.file(f"l30/{i}") for i in range(20))])
    assert [p.detail for _, p in image.problems] == ["its files lie behind too many links"]


@pytest.mark.parametrize("name", ["LAYERS", "ENTRIES"])
def test_too_many_layers_or_entries_are_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"imgforge.analysis.image.{name}", 2)
    one = [made.file("a"), made.file("b")]
    assert made.facts(tmp_path, one).files
    with pytest.raises(InvalidInputError, match="over 2"):
        made.facts(tmp_path / "x", one, [*one, made.file("c")], one)


def test_names_have_a_limit_together(tmp_path: Path) -> None:
    raw = made.tar(*(made.file(f"{i:0100}") for i in range(20)))
    facts = made.layer(tmp_path, raw, Limits(names=1000))
    assert "names" in facts.problems[0].detail


def test_hard_links_to_nothing_are_problems(tmp_path: Path) -> None:
    image = made.facts(tmp_path, [made.hardlink("x", "x"), made.hardlink("y", "gone")])
    assert [problem.kind for _, problem in image.problems] == ["malformed", "malformed"]


def test_files_below_files_are_problems(tmp_path: Path) -> None:
    image = made.facts(tmp_path, [made.file("a")], [made.file("a/b")])
    assert "a is no directory" in image.problems[0][1].detail


def test_invalid_utf8_names_reach_every_report(tmp_path: Path) -> None:
    from imgforge import inventory
    from imgforge.report import FORMATS, subject
    from imgforge.sbom import cyclonedx, spdx

    name = "usr/lib/python3/dist-packages/b\udcff\x1b[31m-1.dist-info/METADATA"
    image = made.facts(tmp_path, [made.file(name, b"Name: b\nVersion: 1\n", 0o4777)])
    findings = run(image, Policy())
    assert any("\udcff" in finding.path for finding in findings)
    report = subject.of("x", Policy(), images=[(image, findings)])
    for render in FORMATS.values():
        text = render(report)
        assert text.isascii()
        assert "\x1b" not in text
    for document in (spdx.render, cyclonedx.render):
        json.loads(document(inventory.of(image), name="x", created=0))


def test_a_blob_that_is_not_its_digest_is_critical_and_not_kept(tmp_path: Path) -> None:
    layout = Layout.create(tmp_path / "layout")
    image = made.add(layout, [RAW])
    good = layout.read_json(image)["layers"][0]["digest"]
    layout.blob_path(good).write_bytes(made.packed(made.tar(made.file("evil"))))
    cache = tmp_path / "cache"
    cache.mkdir()
    facts = analyse(layout, image, cache=cache)
    found = {f.check: f for f in run(facts, Policy())}
    assert found["IF040"].severity == Severity.CRITICAL
    assert not list(cache.glob("*.facts"))


def test_a_missing_blob_is_critical(tmp_path: Path) -> None:
    layout = Layout.create(tmp_path / "layout")
    image = made.add(layout, [RAW])
    layout.blob_path(layout.read_json(image)["layers"][0]["digest"]).unlink()
    findings = run(analyse(layout, image), Policy())
    assert any(f.check == "IF040" and "cannot be read" in f.message for f in findings)


def test_a_wrong_diff_id_or_count_is_critical(tmp_path: Path) -> None:
    layout = Layout.create(tmp_path / "layout")
    for wrong in (["sha256:" + "0" * 64], []):
        image = made.add(layout, [RAW], rootfs={"type": "layers", "diff_ids": wrong})
        assert "IF040" in {f.check for f in run(analyse(layout, image), Policy())}


@pytest.mark.parametrize(
    "fields",
    [
        {"config": []},
        {"config": {"User": 0}},
        {"config": {"Env": "A=b"}},
        {"config": {"Env": ["A=b", 1]}},
        {"config": {"Labels": {"a": 1}}},
        {"config": {"user": "0", "User": "65532"}},
        {"config": {"U\u017fer": "0", "User": "65532"}},
        {"config": {"Healthcheck": {"test": ["CMD", "x"]}}},
        {"history": [{"Created_by": "x"}]},
        {"config": {"Entrypoint": {"a": 1}}},
        {"config": {"Cmd": [["sh"]]}},
        {"history": {"a": 1}},
        {"history": ["x"]},
        {"history": [{"created_by": 1}]},
        {"rootfs": []},
        {"rootfs": {"type": "layers", "diff_ids": ["md5:x"]}},
        {"os": 1},
        {"architecture": None, "OS": "linux"},
    ],
)
def test_a_malformed_configuration_is_refused(fields: dict[str, object], tmp_path: Path) -> None:
    layout = Layout.create(tmp_path / "layout")
    data = {"architecture": "amd64", "os": "linux", "rootfs": {"diff_ids": []}, **fields}
    blob = layout.add(json.dumps(data).encode(), "application/vnd.oci.image.config.v1+json")
    manifest = {"schemaVersion": 2, "config": blob.to_json(), "layers": []}
    image = layout.add_json(manifest, "application/vnd.oci.image.manifest.v1+json")
    with pytest.raises(InvalidInputError) as error:
        analyse(layout, image)
    assert error.value.details


def test_half_of_a_character_is_no_configuration(tmp_path: Path) -> None:
    layout = Layout.create(tmp_path / "layout")
    data = b'{"architecture":"amd64","os":"linux","config":{"User":"\\ud800"}}'
    blob = layout.add(data, "application/vnd.oci.image.config.v1+json")
    manifest = {"schemaVersion": 2, "config": blob.to_json(), "layers": []}
    image = layout.add_json(manifest, "application/vnd.oci.image.manifest.v1+json")
    with pytest.raises(InvalidInputError, match="half of a character"):
        analyse(layout, image)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damage_anywhere_never_escapes_as_an_exception(data: st.DataObject, tmp_path: Path) -> None:
    blob = bytearray(RAW)
    for _ in range(data.draw(st.integers(1, 8))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(blob)))
    facts = made.layer(tmp_path, bytes(blob[:cut]))
    assert facts.size == cut
    made.layer(tmp_path, zlib.compress(bytes(blob)))


def test_memory_stays_small_on_a_large_file(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "blob"
    raw = made.tar(made.file("big", bytes(100 << 20)))
    path.write_bytes(gzip.compress(raw, 1))
    del raw
    from imgforge.secrets.find import by_keyword

    tracemalloc.start()
    made.read(path, by_keyword)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 << 20


def test_a_configuration_of_two_meanings_is_refused(tmp_path: Path) -> None:
    # Go merges the two: the process is who the one says, with the environment of the other.
    layout = Layout.create(tmp_path / "layout")
    twice = b'{"os":"linux","config":{"Env":["A=b"]},"config":{"User":"1"},"rootfs":{}}'
    blob = layout.add(twice, "application/vnd.oci.image.config.v1+json")
    manifest = {"schemaVersion": 2, "config": blob.to_json(), "layers": []}
    with pytest.raises(InvalidInputError, match="repeats a key"):
        analyse(layout, layout.add_json(manifest, "application/vnd.oci.image.manifest.v1+json"))


def test_a_package_record_of_many_lines_is_read_in_no_time(tmp_path: Path) -> None:
    record = b"Package: a\nVersion: 1\n" + b" x\n" * 2_000_000
    begun = time.monotonic()
    facts = made.layer(tmp_path, made.tar(made.file("var/lib/dpkg/status", record)))
    # So much is no package's record, and is told.
    assert [problem.kind for problem in facts.problems] == ["record"]
    assert time.monotonic() - begun < 30
