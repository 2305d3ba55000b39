from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import madeimage as made
import pytest

from imgforge.analysis.facts import Package
from imgforge.analysis.installed import unowned
from imgforge.analysis.packages import node


def read(path: str, fields: Any) -> list[Package]:  # noqa: ANN401 - any JSON
    assert node.wants(path, "package.json")
    return node.read(path, json.dumps(fields).encode())


def named(path: str, **fields: Any) -> tuple[str, str] | None:  # noqa: ANN401 - any JSON
    """Return what a ``package.json`` at ``path`` is listed as, if it is."""
    if not node.wants(path, "package.json"):
        return None
    found = read(path, fields)
    return (f"{found[0].namespace}/{found[0].name}", found[0].version) if found else None


FULL = {
    "name": "@acme/tool",
    "version": "1.2.3",
    "license": "(MIT OR Apache-2.0)",
    "author": {"name": "Jo", "email": "jo@example.org", "url": "https://example.org"},
    "dependencies": {"b": "^1", "@x/a": "2", "alias": "npm:@real/one@^3"},
    "optionalDependencies": {"c": "*"},
    "peerDependencies": {"react": ">=18"},
    "devDependencies": {"jest": "1"},
    "_integrity": "sha1-IyL5QO8MzsqbwHrWYm8f7gE1oCI=",
}


def test_all_that_a_package_says() -> None:
    path = "app/node_modules/@acme/tool/package.json"
    (found,) = read(path, FULL)
    assert found == Package(
        "npm",
        "tool",
        "1.2.3",
        purl="",
        licence="(MIT OR Apache-2.0)",
        supplier="Jo <jo@example.org>",
        paths=(path,),
        namespace="@acme",
        hashes=("sha1:2322f940ef0cceca9bc07ad6626f1fee0135a022",),
        depends=("@real/one", "@x/a", "b", "c", "react"),
        found="manifest",
    )
    (claim,) = node.claims(path, json.dumps(FULL).encode())
    assert (claim.owner, claim.files) == ("npm:@acme/tool", "app/node_modules/@acme/tool/")


@pytest.mark.parametrize(
    ("said", "licence"),
    [
        ({"license": "MIT"}, "MIT"),
        ({"license": {"type": "ISC", "url": "x"}}, "ISC"),
        ({"licenses": [{"type": "MIT"}, {"type": "GPL-2.0"}]}, "(MIT OR GPL-2.0)"),
        ({"licenses": ["MIT", "MIT"]}, "MIT"),
        ({"license": "SEE LICENSE IN LICENSE.md"}, "SEE LICENSE IN LICENSE.md"),
        ({"license": 3}, ""),
        ({"license": [None, [], {"type": {}}]}, ""),
        ({}, ""),
    ],
)
def test_licences(said: dict[str, Any], licence: str) -> None:
    (found,) = read("node_modules/a/package.json", {"name": "a", "version": "1", **said})
    assert found.licence == licence


@pytest.mark.parametrize(
    ("said", "supplier"),
    [
        ({"author": "Jo <jo@example.org> (https://example.org)"}, "Jo <jo@example.org>"),
        ({"author": {"email": "jo@example.org"}}, "jo@example.org"),
        ({"author": "", "contributors": ["Al", "Bo"]}, "Al"),
        ({"maintainers": {"name": "Al"}, "contributors": ["Bo"]}, "Al"),
        ({"author": ["x", 1]}, "x"),
        ({"author": {"name": 1}, "maintainers": [[]]}, ""),
    ],
)
def test_suppliers(said: dict[str, Any], supplier: str) -> None:
    (found,) = read("node_modules/a/package.json", {"name": "a", "version": "1", **said})
    assert found.supplier == supplier


@pytest.mark.parametrize(
    ("path", "fields", "listed"),
    [
        # Installed, wherever the folder is.
        ("node_modules/a/package.json", {"name": "a", "version": "1"}, ("/a", "1")),
        (
            "x/node_modules/a/node_modules/b/package.json",
            {"name": "b", "version": "2"},
            ("/b", "2"),
        ),
        (
            "x/node_modules/.pnpm/a@1.0.0_b@2/node_modules/a/package.json",
            {"name": "a", "version": "1.0.0"},
            ("/a", "1.0.0"),
        ),
        (
            ".yarn/cache/a-npm-1.0.0-0123456789.zip!/node_modules/a/package.json",
            {"name": "a", "version": "1.0.0"},
            ("/a", "1.0.0"),
        ),
        # An alias is what it is, not what it is called here.
        ("node_modules/alias/package.json", {"name": "@r/one", "version": "3"}, ("@r/one", "3")),
        # A package's own tests, in a folder named like one.
        (
            "node_modules/a/test/node_modules/b/package.json",
            {"name": "b", "version": "1"},
            ("/b", "1"),
        ),
        # Certain, but of no known version.
        ("node_modules/a/package.json", {"name": "a"}, ("/a", "")),
        # Applications.
        ("srv/app/package.json", {"name": "app", "version": "1"}, ("/app", "1")),
        ("srv/app/package.json", {"name": "app", "private": True, "version": "1"}, ("/app", "1")),
        ("srv/app/package.json", {"name": "app"}, None),
        ("my_node_modules/a/package.json", {"name": "a", "version": "1"}, ("/a", "1")),
        # How to load a folder, no packages.
        ("node_modules/a/esm/package.json", {"type": "module"}, None),
        ("node_modules/a/dist/package.json", {"name": "a", "version": "1"}, None),
        (
            "node_modules/preact/hooks/package.json",
            {"name": "h", "version": "1", "private": True},
            None,
        ),
        ("node_modules/rxjs/ajax/package.json", {"name": "rxjs/ajax", "license": "MIT"}, None),
        ("node_modules/terser/bin/package.json", {"name": "bin"}, None),
        # Needed by nobody who runs it.
        ("node_modules/a/test/x/package.json", {"name": "x", "version": "1"}, None),
        ("node_modules/a/__fixtures__/package.json", {"name": "x", "version": "1"}, None),
        ("node_modules/a/benchmarks/package.json", {"name": "x", "version": "1"}, None),
        ("node_modules/.cache/x/package.json", {"name": "x", "version": "1"}, None),
        # Whole packages that others carry.
        (
            "node_modules/a/dist/compiled/ws/package.json",
            {"name": "ws", "version": "8"},
            ("/ws", "8"),
        ),
        ("node_modules/a/compiled/ws/package.json", {"name": "ws", "license": "MIT"}, ("/ws", "")),
        (
            "node_modules/a/compiled/@h/x/package.json",
            {"name": "@h/x", "license": "MIT"},
            ("@h/x", ""),
        ),
        ("node_modules/a/compiled/ws/package.json", {"name": "ws"}, None),
        # Names that are none.
        ("node_modules/a/package.json", {"name": "", "version": "1"}, None),
        ("node_modules/a/package.json", {"name": "a/b/c", "version": "1"}, None),
        ("node_modules/a/package.json", {"name": "a b", "version": "1"}, None),
        ("node_modules/a/package.json", {"name": "../x", "version": "1"}, None),
        ("node_modules/a/package.json", {"name": ["a"], "version": "1"}, None),
        ("node_modules/a/package.json", {"name": "a\ud800", "version": "1"}, None),
    ],
)
def test_what_counts(path: str, fields: dict[str, Any], listed: tuple[str, str] | None) -> None:
    assert named(path, **fields) == listed


def test_what_node_itself_reads_is_no_error() -> None:
    marked = b'\xef\xbb\xbf{"name": "x", "name": "a", "version": "1", "text": "\\ud83d"}'
    (found,) = node.read("node_modules/a/package.json", marked)
    assert found.name == "a"


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"a": ' * 5000, b"\x00" * 100])
def test_unreadable(data: bytes) -> None:
    with pytest.raises(ValueError, match="JSON"):
        node.read("node_modules/a/package.json", data)
    assert node.read("node_modules/a/lib/package.json", data) == []


def test_what_names_no_package_claims_nothing() -> None:
    assert node.claims("node_modules/a/package.json", b"{}") == []
    assert node.claims("node_modules/a/x/package.json", b'{"name":"x","version":"1"}') == []
    assert node.claims("srv/package.json", b'{"name":"x","version":"1"}') == []


ELF = b"\x7fELF\x02\x01\x01" + b"\0" * 9 + b"\x03\0\x3e\0" + b"\0" * 44
"""The header of a shared object."""


def test_a_packages_folder_is_its_own_and_its_neighbours_are_not(tmp_path: Path) -> None:
    """Also where pnpm's links lead to it."""
    manifest = b'{"name": "a", "version": "1"}'
    store = "app/node_modules/.pnpm/a@1/node_modules/a"
    image = made.facts(
        tmp_path,
        [
            made.file(f"{store}/package.json", manifest),
            made.file(f"{store}/build/Release/a.node", ELF),
            made.symlink("app/node_modules/a", ".pnpm/a@1/node_modules/a"),
            made.file("app/node_modules/ab/ab.node", ELF + b"2"),
            made.file("app/node_modules/stub/package.json", b"{}"),
            made.file("app/node_modules/stub/stub.node", ELF + b"3"),
        ],
    )
    assert [binary.path for binary in unowned(image)] == [
        "app/node_modules/ab/ab.node",
        "app/node_modules/stub/stub.node",
    ]
    assert [(p.purl, p.paths) for p in image.packages] == [
        ("pkg:npm/a@1", (f"{store}/package.json",))
    ]
