from __future__ import annotations

import json
from typing import Any

import pytest
import zstandard

from imgforge.analysis.facts import Claim
from imgforge.analysis.packages import chisel

PATH = "var/lib/chisel/manifest.wall"
ROWS: list[dict[str, Any]] = [
    {"kind": "content", "slice": "libc6_libs", "path": "/lib/x.so"},
    {"kind": "content", "slice": "libc6_config", "path": "/etc/"},
    {"kind": "content", "slice": "libc6_config", "path": "/lib/x.so"},
    {"kind": "content", "slice": "openssl_bins", "path": "/usr/bin/openssl"},
    {
        "kind": "package",
        "name": "libc6",
        "version": "2.39-0ubuntu8",
        "sha256": "a" * 64,
        "arch": "amd64",
    },
    {"kind": "path", "path": "/lib/x.so", "mode": "0644", "slices": ["libc6_libs"]},
    {"kind": "slice", "name": "libc6_libs"},
]


def wall(rows: list[dict[str, Any]], **head: object) -> bytes:
    first = {"jsonwall": "1.0", "schema": "1.0", "count": len(rows) + 1, **head}
    text = "".join(json.dumps(row) + "\n" for row in [first, *rows])
    return zstandard.compress(text.encode())


def test_packages_and_files() -> None:
    assert chisel.wants(PATH, "manifest.wall")
    (found,) = chisel.read(PATH, wall(ROWS))
    assert (found.ecosystem, found.name, found.version) == ("deb", "libc6", "2.39-0ubuntu8")
    assert (found.architecture, found.hashes) == ("amd64", ("sha256:" + "a" * 64,))
    assert chisel.claims(PATH, wall(ROWS)) == [
        Claim(PATH, "deb:libc6", "lib/x.so"),
        Claim(PATH, "deb:openssl", "usr/bin/openssl"),
    ]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"plain", "zstd"),
        (wall(ROWS)[:-4], "truncated"),
        (wall(ROWS, schema="2.0"), "schema"),
        (wall(ROWS, count=3), "8 rows, not 3"),
        (wall([{"kind": "package", "name": "a"}]), "no version"),
        (wall([{"kind": "package", "name": 3}]), "no name"),
        (zstandard.compress(b"[" * 100_000), "no JSON"),
        (zstandard.compress(b"[]"), "no object"),
    ],
)
def test_what_is_broken(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        chisel.read(PATH, data)
