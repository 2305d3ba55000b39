"""Records of language packages that were made to hurt: each is packages or an error, and soon."""

from __future__ import annotations

import json
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

import madeimage as made
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgforge.analysis.packages import claims, reader
from imgforge.analysis.purl import build

PATHS = (
    "x/a-1.dist-info/METADATA",
    "x/a-1.dist-info/RECORD",
    "x/a-1.dist-info/direct_url.json",
    "x/a-1.egg-info",
    "x/a-1.egg-info/requires.txt",
    "x/a-1.egg-info/installed-files.txt",
    "x/_vendor/vendor.txt",
    "x/conda-meta/a-1-0.json",
    "x/node_modules/a/package.json",
    "x/node_modules/a/compiled/b/package.json",
    "x/package.json",
    "x/node_modules/.package-lock.json",
    "x/node_modules/.yarn-integrity",
    "x/node_modules/.pnpm/lock.yaml",
    "x/.pnp.cjs",
    "x/.pnp.data.json",
    "x/main.js.map",
    "x/main.js.LEGAL.txt",
    "x/3rdpartylicenses.txt",
    "x/.vite/license.md",
    "x/.vite/license.json",
    "x/specifications/a-1.gemspec",
    "x/bundler/gems/a-0123456789ab/a.gemspec",
    "x/vendor/composer/installed.json",
    "x/php/.registry/a.reg",
    "x/a.deps.json",
)
SOON = 20
"""Seconds of one processor, a slow one."""


def looked(path: str, data: bytes) -> None:
    """Read a record, and see that what is made of it can be kept and named."""
    module = reader(path, path.rpartition("/")[2])
    assert module is not None
    with suppress(ValueError):
        for row in module.read(path, data):
            assert row.name == row.name.strip()
            assert len(row.name) <= 200
            assert "\n" not in row.name + row.version + row.licence + row.supplier
            build(row, {}).encode("ascii")
            "".join(map(str, (*row[:6], *row.paths, *row.depends))).encode()
    with suppress(ValueError):
        for claim in claims(module, path, data):
            assert ".." not in claim.files.split("/")


KEYS = (
    *("name", "version", "license", "licenses", "author", "dependencies", "packages", "type"),
    *("targets", "libraries", "a/1", "runtimeTarget", "runtime", "require", "dist", "shasum"),
    *("integrity", "lockfileEntries", "packageRegistryData", "archive_info", "hashes", "url"),
    *("vcs_info", "commit_id", "files", "depends", "node_modules/a", "install-path", "sources"),
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(("a", "@a/b", "1.0", "../x", "a/b", "package", "sha512-AA==", "npm:a@1")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)
QUICK = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("path", PATHS)
@QUICK
@given(value=VALUES)
def test_any_json(path: str, value: Any) -> None:  # noqa: ANN401 - any JSON
    looked(path, json.dumps(value).encode())


@pytest.mark.parametrize("path", PATHS)
@QUICK
@given(data=st.binary(max_size=100))
def test_any_bytes(path: str, data: bytes) -> None:
    looked(path, data)
    looked(path, b"Name: a\nVersion: 1\n" + data)
    looked(path, b"# stub: a 1 ruby lib\n s.licenses = [" + data)


BIG = 1 << 20
SHAPES: dict[str, bytes] = {
    "deep lists": b"[" * BIG,
    "deep objects": b'{"a":' * (BIG // 5),
    "many values": b'{"packages":[' + b"1," * (BIG // 2) + b"1]}",
    "many keys": b'{"libraries":{' + b'"a":1,' * (BIG // 6) + b'"b":1}}',
    "one text": b'{"name":"' + b"a" * BIG + b'"}',
    "one licence": b'{"name":"a","version":"1","license":"' + b"M\\\\" * (BIG // 3) + b'"}',
    "no end": b'{"sources":["' + b"node_modules/" * (BIG // 13),
    "quotes": b"RAW_RUNTIME_STATE = '" + b"\\" * BIG,
    "lines": b"Requires-Dist: a ; extra == 'b'\n" * (BIG // 32),
    "line": b"Requires-Dist: " + b"(" * BIG,
    "commas": b"," * BIG,
    "escapes": b's.authors = ["' + b"\\u0041" * (BIG // 6),
    "stubs": b"# stub: " * (BIG // 8),
    "fields": b"x.name = " * (BIG // 9),
    "blanks": b" " * BIG,
    "dashes": b"- " * (BIG // 2),
    "yaml": b"a: {b: [" * (BIG // 8),
    "serialised": b"a:1:{i:0;" * (BIG // 9),
    "sources": b'{"sources":[' * (BIG // 12),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_megabyte_of_anything_takes_moments_and_no_recursion(shape: str) -> None:
    data = SHAPES[shape]
    start = time.process_time()
    for path in PATHS:
        looked(path, data)
    assert time.process_time() - start < SOON


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":' * (10 << 20),
        b'{"packages":[' + b"{}," * (16 << 20) + b"1]}",
        b'{"name":"a","version":"1","license":"' + b"M" * (50 << 20) + b'"}',
        b'{"sources":["' + b"node_modules/a/" * (3 << 20) + b'"]}',
    ],
    ids=["depth", "values", "text", "source"],
)
def test_fifty_megabytes_take_seconds(data: bytes) -> None:
    start = time.process_time()
    for name in (
        "node_modules/a/package.json",
        "composer/installed.json",
        "a.deps.json",
        "a.js.map",
    ):
        looked(f"x/{name}", data)
    assert time.process_time() - start < SOON


def test_values_are_bounded_before_they_are_made() -> None:
    data = b'{"packages":[' + b"[]," * (8 << 20) + b"1]}"
    tracemalloc.start()
    looked("x/vendor/composer/installed.json", data)
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


def test_markers_that_nest() -> None:
    for marker in ("(" * 400 + "os_name == 'a'" + ")" * 400, "not " * 200, "x" * 5000):
        text = f"Name: a\nVersion: 1\nRequires-Dist: b ; {marker}\n"
        looked("x/a-1.dist-info/METADATA", text.encode())


def test_cycles_end() -> None:
    wheel = {f"p{n}/1": {"dependencies": {f"p{(n + 1) % 50}": "1"}} for n in range(50)}
    libraries = {key: {"type": "package"} for key in wheel}
    value = {"runtimeTarget": "t", "targets": {"t": wheel}, "libraries": libraries}
    looked("x/a.deps.json", json.dumps(value).encode())
    snapshots = "\n".join(
        f"  p{n}@1: {{dependencies: {{p{(n + 1) % 50}: '1'}}}}" for n in range(50)
    )
    text = (
        f"importers: {{.: {{dependencies: {{p0: {{version: '1'}}}}}}}}\nsnapshots:\n{snapshots}\n"
    )
    looked("x/node_modules/.pnpm/lock.yaml", text.encode())


def test_what_cannot_be_read_is_a_problem_of_the_layer(tmp_path: Path) -> None:
    broken = [path for path in PATHS if path.endswith((".json", "METADATA", ".gemspec", ".reg"))]
    broken.remove("x/node_modules/a/compiled/b/package.json")  # that is no package's own
    broken.remove("x/bundler/gems/a-0123456789ab/a.gemspec")  # whose version nobody knows
    image = made.facts(tmp_path, [made.file(path, b"{") for path in broken])
    problems = [problem for layer in image.layers for problem in layer.problems]
    assert [(p.kind, p.path) for p in problems] == [("record", path) for path in broken]
