from __future__ import annotations

import json
from pathlib import Path

import madeimage as made
import pytest

from imgforge.analysis.facts import Package
from imgforge.analysis.packages import node_locks

SHA512 = "sha512-" + "A" * 86 + "=="
HASH = "sha512:" + "00" * 64
SHA1 = "0123456789abcdef0123456789abcdef01234567"


def read(path: str, data: bytes) -> dict[str, Package]:
    assert node_locks.wants(path, path.rpartition("/")[2])
    found = node_locks.read(path, data)
    assert {(p.found, p.paths) for p in found} <= {("lock", (path,))}
    return {f"{p.namespace}/{p.name}@{p.version}": p for p in found}


HIDDEN = {
    "lockfileVersion": 3,
    "packages": {
        "node_modules/@s/a": {
            "version": "1.0.0",
            "integrity": SHA512,
            "license": "MIT",
            "dependencies": {"b": "^2"},
        },
        "node_modules/b": {"version": "2.0.0", "dev": True},
        "node_modules/@s/a/node_modules/b": {"version": "2.0.0"},
        "node_modules/c": {"version": "3.0.0", "dev": True},
        "node_modules/alias": {"name": "real", "version": "4.0.0"},
        "node_modules/w": {"resolved": "packages/w", "link": True},
        "packages/w": {"version": "1.0.0"},
        "node_modules/broken": {"version": 1, "integrity": [], "dependencies": 3},
        "node_modules/odd": [],
    },
}


def test_npm() -> None:
    found = read("app/node_modules/.package-lock.json", json.dumps(HIDDEN).encode())
    assert list(found) == ["@s/a@1.0.0", "/b@2.0.0", "/c@3.0.0", "/real@4.0.0"]
    first = found["@s/a@1.0.0"]
    assert (first.hashes, first.licence, first.depends) == ((HASH,), "MIT", ("b",))
    # What the application needs in one place is not for development, wherever else it is.
    assert [p.name for p in found.values() if p.dev] == ["c"]


PNPM_9 = f"""lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      '@s/a': {{specifier: ^1, version: 1.0.0(b@2.0.0)}}
      alias: {{specifier: 'npm:real@4', version: real@4.0.0}}
    devDependencies:
      c: {{specifier: ^3, version: 3.0.0}}
packages:
  '@s/a@1.0.0':
    resolution: {{integrity: {SHA512}}}
    peerDependencies: {{b: '*'}}
  b@2.0.0:
    resolution: {{integrity: {SHA512}}}
  c@3.0.0:
    resolution: {{integrity: {SHA512}}}
  real@4.0.0:
    resolution: {{integrity: {SHA512}}}
  https://codeload.example/x:
    resolution: {{tarball: https://codeload.example/x}}
    version: 1.0.0
snapshots:
  '@s/a@1.0.0(b@2.0.0)':
    dependencies:
      b: 2.0.0
  b@2.0.0: {{}}
  c@3.0.0:
    dependencies:
      b: 2.0.0
  real@4.0.0: {{}}
"""
PNPM_6 = f"""lockfileVersion: '6.0'
packages:
  /@s/a@1.0.0(b@2.0.0):
    resolution: {{integrity: {SHA512}}}
    dependencies:
      b: 2.0.0
    dev: false
  /c@3.0.0:
    resolution: {{integrity: {SHA512}}}
    dev: true
"""
PNPM_5 = f"""lockfileVersion: 5.4
packages:
  /@s/a/1.0.0_b@2.0.0:
    resolution: {{integrity: {SHA512}}}
    dev: false
  /c/3.0.0:
    resolution: {{integrity: {SHA512}}}
    dev: true
"""


@pytest.mark.parametrize(
    ("lock", "names"),
    [
        (PNPM_9, ["/b@2.0.0", "/c@3.0.0", "/real@4.0.0", "@s/a@1.0.0"]),
        (PNPM_6, ["/c@3.0.0", "@s/a@1.0.0"]),
        (PNPM_5, ["/c@3.0.0", "@s/a@1.0.0"]),
    ],
    ids=["9", "6", "5"],
)
def test_pnpm(lock: str, names: list[str]) -> None:
    found = read("app/node_modules/.pnpm/lock.yaml", lock.encode())
    assert sorted(found) == names
    assert {p.hashes for p in found.values()} == {(HASH,)}
    assert [p.name for p in found.values() if p.dev] == ["c"]
    assert found["@s/a@1.0.0"].depends == (("b",) if lock != PNPM_5 else ())


def test_yarn_1() -> None:
    entries = {
        "@s/a@^1": f"https://registry.example/npm/@s/a/-/a-1.0.0.tgz#{SHA1}",
        "foo-2bar@1": "https://registry.example/foo-2bar/-/foo-2bar-1.0.0.tgz",
        "alias@npm:real@4": f"https://registry.example/real/-/real-4.0.0-rc.1.tgz#{SHA1}",
        "git@x": "https://codeload.example/x/tar.gz/0123",
        "odd": 3,
    }
    data = json.dumps({"lockfileEntries": entries}).encode()
    found = read("app/node_modules/.yarn-integrity", data)
    assert list(found) == ["@s/a@1.0.0", "/foo-2bar@1.0.0", "/real@4.0.0-rc.1"]
    assert found["@s/a@1.0.0"].hashes == (f"sha1:{SHA1}",)
    assert found["/foo-2bar@1.0.0"].hashes == ()


REGISTRY = [
    [None, [[None, {"packageDependencies": [["@s/a", "npm:1.0.0"]]}]]],
    [
        "@s/a",
        [
            [
                "npm:1.0.0",
                {"packageDependencies": [["@s/a", "npm:1.0.0"], ["al", ["real", "npm:4"]]]},
            ],
            ["virtual:0f#npm:1.0.0", {"packageDependencies": [["b", "npm:2.0.0"], ["c", None]]}],
        ],
    ],
    ["app", [["workspace:.", {"packageDependencies": []}]]],
    ["odd", [["npm:1.0.0"], 3, ["npm:x", []]]],
]


@pytest.mark.parametrize("form", ["json", "program"])
def test_plug_n_play(form: str) -> None:
    text = json.dumps({"packageRegistryData": REGISTRY, "ignore": "it's \\."}, indent=1)
    path = "app/.pnp.data.json"
    if form == "program":
        quoted = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\\n")
        path, text = "app/.pnp.cjs", f"const RAW_RUNTIME_STATE =\n'{quoted}';\nfunction x() {{}}\n"
    found = read(path, text.encode())
    assert list(found) == ["@s/a@1.0.0"]
    assert found["@s/a@1.0.0"].depends == ("b", "real")


def test_a_loader_without_a_map() -> None:
    assert read(".pnp.cjs", b"module.exports = require('./.pnp.data.json');\n") == {}


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("node_modules/.package-lock.json", b"[]"),
        ("node_modules/.yarn-integrity", b"{"),
        ("node_modules/.pnpm/lock.yaml", b"a: *b"),
        (".pnp.data.json", b"{x"),
    ],
)
def test_unreadable(path: str, data: bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON|YAML"):
        node_locks.read(path, data)


def test_elsewhere_they_are_only_files() -> None:
    for path in ("lock.yaml", "app/.package-lock.json", "x/.yarn-integrity"):
        assert not node_locks.wants(path, path.rpartition("/")[2])


def test_in_an_image_a_list_enriches_what_is_there(tmp_path: Path) -> None:
    manifest = b'{"name": "@s/a", "version": "1.0.0", "author": "Jo"}'
    image = made.facts(
        tmp_path,
        [
            made.file("app/node_modules/@s/a/package.json", manifest),
            made.file("app/node_modules/b/package.json", b'{"name": "b", "version": "9.9.9"}'),
            made.file("app/node_modules/.package-lock.json", json.dumps(HIDDEN).encode()),
        ],
    )
    a, b = image.packages
    assert (a.purl, a.licence, a.supplier) == ("pkg:npm/%40s/a@1.0.0", "MIT", "Jo")
    assert (a.hashes, a.depends, a.found) == ((HASH,), ("b",), "manifest")
    # Another version than the list's is not what the list speaks of, and nothing is added.
    assert (b.version, b.hashes, b.dev) == ("9.9.9", (), False)
