"""What the small locks of the real tools do not have: aliases, peers, nests, other versions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from imgforge import locks
from imgforge.errors import InvalidInputError
from imgforge.locks import golang
from imgforge.locks.locked import Entry

HEX = "a" * 64


def entries(name: str, text: str | dict[str, Any]) -> tuple[Entry, ...]:
    return locks.read(name, text if isinstance(text, str) else json.dumps(text, indent=2)).entries


def shown(name: str, text: str | dict[str, Any]) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {entry.key: (entry.scope, entry.needs) for entry in entries(name, text)}


def test_npm_nests_links_aliases_and_peers() -> None:
    packages = {
        "": {"name": "demo", "workspaces": ["packages/*"]},
        "packages/own": {"version": "1.0.0"},
        "node_modules/own": {"resolved": "packages/own", "link": True},
        "node_modules/a": {"version": "1.0.0", "dependencies": {"b": "^2"}},
        "node_modules/a/node_modules/b": {"version": "2.0.0", "peerDependencies": {"c": "*"}},
        "node_modules/b": {"version": "1.0.0"},
        "node_modules/alias": {"name": "@s/real", "version": "3.0.0", "devOptional": True},
        "node_modules/c": {"version": "git+ssh://git@example.test/c.git#1"},
    }
    found = shown("package-lock.json", {"lockfileVersion": 3, "packages": packages})
    assert locks.read("package-lock.json", json.dumps({"packages": packages})).own == ("demo",)
    assert found == {
        "a@1.0.0": ("required", ("b@2.0.0",)),
        "b@2.0.0": ("required", ("c@",)),
        "b@1.0.0": ("required", ()),
        "@s/real@3.0.0": ("optional", ()),
        "c@": ("required", ()),
    }


def test_npm_1_has_a_tree() -> None:
    tree = {
        "a": {
            "version": "1.0.0",
            "requires": {"b": "^2", "x": "1"},
            "dependencies": {"b": {"version": "2.0.0", "requires": {"a": "1"}}},
        },
        "b": {"version": "npm:@s/real@3.0.0", "dev": True},
    }
    found = shown("npm-shrinkwrap.json", {"lockfileVersion": 1, "dependencies": tree})
    assert found == {
        "a@1.0.0": ("required", ("b@2.0.0",)),
        "b@2.0.0": ("required", ("a@1.0.0",)),
        "@s/real@3.0.0": ("dev", ()),
    }


def test_pnpm_peers_aliases_and_circles() -> None:
    text = """
lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      a: {specifier: ^1, version: 1.0.0(c@3.0.0)}
      own: {specifier: 'workspace:*', version: link:packages/own}
      other: {specifier: 'npm:@s/real@4', version: '@s/real@4.0.0'}
    devDependencies:
      d: {specifier: ^1, version: 1.0.0}
packages:
  a@1.0.0:
    resolution: {integrity: sha512-AA==}
  c@3.0.0: {}
  '@s/real@4.0.0': {}
  d@1.0.0: {}
snapshots:
  a@1.0.0(c@3.0.0):
    dependencies: {c: 3.0.0}
  c@3.0.0:
    dependencies: {a: 1.0.0(c@3.0.0)}
  '@s/real@4.0.0': {}
  d@1.0.0: {}
"""
    assert shown("pnpm-lock.yaml", text) == {
        "a@1.0.0": ("required", ("c@3.0.0",)),
        "c@3.0.0": ("required", ("a@1.0.0",)),
        "@s/real@4.0.0": ("required", ()),
        "d@1.0.0": ("dev", ()),
    }


def test_pnpm_5_has_slashes() -> None:
    text = """
lockfileVersion: 5.4
dependencies: {'@s/a': 1.0.0_c@3.0.0}
packages:
  /@s/a/1.0.0_c@3.0.0:
    dependencies: {c: 3.0.0}
  /c/3.0.0: {dev: false}
"""
    assert shown("pnpm-lock.yaml", text) == {
        "@s/a@1.0.0": ("required", ("c@3.0.0",)),
        "c@3.0.0": ("required", ()),
    }


def test_yarn_1_ranges_and_aliases() -> None:
    text = """
"@s/a@^1.0.0", "@s/a@~1.0":
  version "1.0.0"
  dependencies:
    b "1 || 2"
  optionalDependencies:
    other "npm:real@3"

"b@1 || 2":
  version "2.0.0"

"other@npm:real@3":
  version "3.0.0"
"""
    assert shown("yarn.lock", text) == {
        "@s/a@1.0.0": ("required", ("b@2.0.0", "real@3.0.0")),
        "b@2.0.0": ("required", ()),
        "real@3.0.0": ("required", ()),
    }


def test_yarn_conditions_and_workspaces() -> None:
    text = """
__metadata:
  version: 8

"a@npm:^1, a@npm:~1.0":
  version: 1.0.0
  resolution: "a@npm:1.0.0"
  conditions: os=linux & cpu=x64 & libc=glibc
  linkType: hard

"demo@workspace:.":
  version: 0.0.0-use.local
  resolution: "demo@workspace:."
  linkType: soft
"""
    (entry,) = entries("yarn.lock", text)
    assert (entry.key, entry.line, entry.os, entry.cpu, entry.libc) == (
        *("a@1.0.0", 5, ("linux",), ("x64",)),
        ("glibc",),
    )


def test_bun_nests() -> None:
    text = """{
  "lockfileVersion": 1,
  "workspaces": {"": {"dependencies": {"@s/a": "1"}}},
  "packages": {
    "@s/a": ["@s/a@1.0.0", "", {"dependencies": {"b": "2", "c": "1"}}, "sha512-AA=="],
    "b": ["b@1.0.0", "", {}],
    "c": ["c@1.0.0", "", {"dependencies": {"b": "1"},}],
    "@s/a/b": ["b@2.0.0", "", {"os": ["linux", "darwin"]}],
    "demo": ["demo@workspace:packages/demo"],
  },
}"""
    assert shown("bun.lock", text) == {
        "@s/a@1.0.0": ("required", ("b@2.0.0", "c@1.0.0")),
        "b@1.0.0": ("required", ()),
        "c@1.0.0": ("required", ("b@1.0.0",)),
        "b@2.0.0": ("required", ()),
    }


def test_uv_forks_markers_and_extras() -> None:
    text = """
version = 1
[[package]]
name = "demo"
version = "1"
source = { editable = "." }
dependencies = [
    { name = "a", extra = ["x"] },
    { name = "w", marker = "sys_platform == 'win32'" },
    { name = "n", version = "1.0", marker = "python_full_version < '3.12'" },
    { name = "n", version = "2.0", marker = "python_full_version >= '3.12'" },
]
[[package]]
name = "a"
version = "1.0"
source = { registry = "https://example.test/simple" }
dependencies = [{ name = "b" }]
[package.optional-dependencies]
x = [{ name = "c" }]
y = [{ name = "unasked" }]
[[package]]
name = "unasked"
version = "1"
[[package]]
name = "B"
version = "1"
dependencies = [{ name = "a" }]
[[package]]
name = "c"
version = "1"
[[package]]
name = "w"
version = "1"
[[package]]
name = "n"
version = "1.0"
[[package]]
name = "n"
version = "2.0"
"""
    assert shown("uv.lock", text) == {
        "a@1.0": ("required", ("b@1", "c@1", "unasked@1")),
        "b@1": ("required", ("a@1.0",)),
        "c@1": ("required", ()),
        "unasked@1": ("dev", ()),
        "w@1": ("required", ()),
        "n@1.0": ("required", ()),
        "n@2.0": ("required", ()),
    }
    markers = {e.key: e.marker for e in entries("uv.lock", text) if e.marker}
    assert markers == {
        "w@1": '(sys_platform == "win32")',
        "n@1.0": '(python_full_version < "3.12")',
        "n@2.0": '(python_full_version >= "3.12")',
    }


def test_pdm() -> None:
    text = f"""
[metadata]
groups = ["default", "dev"]
lock_version = "4.5.0"
[[package]]
name = "a"
version = "1.0"
groups = ["default"]
dependencies = ["b>=1; python_version >= '3.8'", "missing"]
files = [{{file = "a.whl", hash = "sha256:{HEX}"}}]
[[package]]
name = "a"
version = "1.0"
extras = ["x"]
groups = ["default"]
dependencies = ["a==1.0", "c"]
[[package]]
name = "b"
version = "1.0"
groups = ["default"]
marker = "sys_platform == 'win32'"
[[package]]
name = "c"
version = "1.0"
groups = ["dev"]
"""
    assert shown("pdm.lock", text) == {
        "a@1.0": ("required", ("a@1.0", "b@1.0", "c@1.0")),
        "b@1.0": ("required", ()),
        "c@1.0": ("dev", ()),
    }


def test_poetry_1_has_hashes_at_the_end() -> None:
    text = f"""
[[package]]
name = "a"
version = "1.0"
category = "dev"
[package.dependencies]
B = {{version = ">=1", optional = true}}
[[package]]
name = "b"
version = "1.0"
category = "main"
[metadata]
lock-version = "1.1"
[metadata.files]
a = [{{file = "a.whl", hash = "sha256:{HEX}"}}]
"""
    (one, two) = entries("poetry.lock", text)
    assert (one.scope, one.hashes, one.needs) == ("dev", (f"sha256:{HEX}",), ("b@1.0",))
    assert two.scope == "required"


def test_pylock_groups_extras_and_edges() -> None:
    text = f"""
lock-version = "1.0"
created-by = "hand"
[[packages]]
name = "A.b"
version = "1.0"
dependencies = [{{ name = "c" }}]
wheels = [{{ url = "https://example.test/a.whl", hashes = {{ sha256 = "{HEX}" }} }}]
[[packages]]
name = "c"
version = "1.0"
marker = "sys_platform == 'win32'"
[[packages]]
name = "d"
version = "1.0"
marker = "'dev' in dependency_groups"
[[packages]]
name = "e"
version = "1.0"
marker = "'x' in extras"
"""
    assert shown("pylock.toml", text) == {
        "a-b@1.0": ("required", ("c@1.0",)),
        "c@1.0": ("required", ()),
        "d@1.0": ("dev", ()),
        "e@1.0": ("optional", ()),
    }
    assert entries("pylock.toml", text)[0].hashes == (f"sha256:{HEX}",)


def test_cargo_1_and_two_versions_of_one_crate() -> None:
    source = "registry+https://example.test/index"
    text = f"""
[[package]]
name = "a"
version = "0.1.0"
dependencies = ["b 1.0.0 ({source})", "c"]
[[package]]
name = "b"
version = "1.0.0"
source = "{source}"
[[package]]
name = "b"
version = "2.0.0"
source = "{source}"
checksum = "{HEX}"
[[package]]
name = "c"
version = "1.0.0"
dependencies = ["b 2.0.0"]
[metadata]
"checksum b 1.0.0 ({source})" = "{"b" * 64}"
"""
    assert shown("Cargo.lock", text) == {
        "a@0.1.0": ("required", ("b@1.0.0", "c@1.0.0")),
        "b@1.0.0": ("required", ()),
        "b@2.0.0": ("required", ()),
        "c@1.0.0": ("required", ("b@2.0.0",)),
    }
    assert [e.hashes for e in entries("Cargo.lock", text)][1:3] == [
        (f"sha256:{'b' * 64}",),
        (f"sha256:{HEX}",),
    ]


def test_go_replacements_and_comments() -> None:
    text = """
module example.test/demo // a comment
go 1.21
require example.test/one v1.2.3
require (
\t"example.test/two/v2" v2.0.0 // indirect
\texample.test/three v0.0.0-20240101000000-abcdefabcdef
)
replace example.test/one => example.test/fork v1.2.4
replace (
\texample.test/three => ../three
\texample.test/unused v1.0.0 => example.test/other v1.0.0
)
exclude example.test/bad v1.0.0
"""
    assert [(e.title, e.version, e.line) for e in entries("go.mod", text)] == [
        ("example.test/one", "v1.2.3", 4),
        ("example.test/two/v2", "v2.0.0", 6),
        ("example.test/three", "v0.0.0-20240101000000-abcdefabcdef", 7),
        ("example.test/fork", "v1.2.4", 9),
    ]


def test_go_sums() -> None:
    value = "h1:" + "A" * 43 + "="
    text = f"example.test/one v1.2.3 {value}\nexample.test/one v1.2.3/go.mod {value}\n"
    assert [(e.key, e.hashes) for e in golang.read("go.sum", text).entries] == [
        ("example.test/one@v1.2.3", (value,))
    ]
    with pytest.raises(InvalidInputError, match=r"^go\.sum:2: "):
        golang.read("go.sum", f"example.test/one v1.2.3 {value}\nnone\n")


def test_bundler_platforms_and_checksums() -> None:
    text = f"""GEM
  remote: https://example.test/
  specs:
    nokogiri (1.15.4-x86_64-linux)
      racc (~> 1.4)
    nokogiri (1.15.4-java)
    racc (1.7.1)

PLATFORMS
  x86_64-linux

DEPENDENCIES
  nokogiri

CHECKSUMS
  nokogiri (1.15.4-x86_64-linux) sha256={HEX}
  racc (1.7.1)

BUNDLED WITH
   2.5.6
"""
    found = entries("Gemfile.lock", text)
    assert [(e.key, e.line, e.os, e.cpu, e.needs) for e in found] == [
        ("nokogiri@1.15.4", 4, ("linux",), ("x64",), ("racc@1.7.1",)),
        ("nokogiri@1.15.4", 6, ("java",), (), ()),
        ("racc@1.7.1", 7, (), (), ()),
    ]
    assert [e.hashes for e in found] == [(f"sha256:{HEX}",), (), ()]


def test_gradle_configurations() -> None:
    text = """# This is a Gradle generated file for dependency locking.
com.google.guava:guava:33.0.0-jre=compileClasspath,runtimeClasspath
org.projectlombok:lombok:1.18.30=annotationProcessor,compileClasspath
org.junit.jupiter:junit-jupiter:5.10.0=testCompileClasspath,testRuntimeClasspath
empty=
"""
    assert [(e.title, e.version, e.line, e.scope) for e in entries("gradle.lockfile", text)] == [
        ("com.google.guava/guava", "33.0.0-jre", 2, "required"),
        ("org.projectlombok/lombok", "1.18.30", 3, "build"),
        ("org.junit.jupiter/junit-jupiter", "5.10.0", 4, "dev"),
    ]


def test_nuget_frameworks_and_projects() -> None:
    package = {"type": "Direct", "resolved": "13.0.3", "contentHash": "AAAA"}
    own = {"type": "Project", "dependencies": {"Newtonsoft.Json": "[13.0.3, )"}}
    other = {"type": "Transitive", "resolved": "1.0.0", "dependencies": {"newtonsoft.json": "13"}}
    table = {"Newtonsoft.Json": package, "own": own, "Other": other}
    value = {"version": 1, "dependencies": {"net8.0": table, "net9.0": table}}
    found = entries("packages.lock.json", value)
    assert [(e.key, e.needs) for e in found] == [
        ("Newtonsoft.Json@13.0.3", ()),
        ("Other@1.0.0", ("newtonsoft.json@13.0.3",)),
    ]
    assert found[0].hashes == ("sha512:000000",)


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("package-lock.json", '{"lockfileVersion": 9}', "package-lock.json: "),
        ("package-lock.json", "{", r"package-lock.json:1: "),
        ("package-lock.json", "[]", "package-lock.json:1: it is no JSON object"),
        ("package-lock.json", '{"packages": []}', "package-lock.json: packages is no map"),
        (
            "package-lock.json",
            '{"packages": {\n  "node_modules/a": {\n    "version": 1\n} } }',
            "package-lock.json:2: version is no text",
        ),
        ("pnpm-lock.yaml", "lockfileVersion: '4.0'", "pnpm-lock.yaml: lockfileVersion is '4.0'"),
        ("pnpm-lock.yaml", "a: b\n  c: d\n", r"pnpm-lock.yaml:2: "),
        ("pnpm-lock.yaml", "a: &x 1\nb: *x\n", "pnpm-lock.yaml: the YAML has anchors"),
        (
            "pnpm-lock.yaml",
            "lockfileVersion: '9.0'\npackages:\n  '@a': {}\n",
            "pnpm-lock.yaml:3: '@a' is no package",
        ),
        ("yarn.lock", "a@1:\n  version 1\n<<<<<<<\n", "yarn.lock:3: '<<<<<<<' is neither"),
        ("yarn.lock", "  version 1\n", "yarn.lock:1: a field before"),
        ("yarn.lock", "a@1:\n  resolved x\n", "yarn.lock:1: a@1 has no version"),
        ("yarn.lock", "a:\n  version 1\n", "yarn.lock:1: 'a' names no package"),
        ("bun.lock", '{"packages": {\n"a": {}}}', r"bun.lock(:2)?: a is no list"),
        ("uv.lock", "version = 2", "uv.lock: version is 2"),
        ("uv.lock", "version = 1\n[[package]]\nversion = '1'", "uv.lock:2: name is missing"),
        ("uv.lock", "version = \n", "uv.lock:1: "),
        (
            "poetry.lock",
            "[[package]]\nname = 'a'\nversion = '1'\nmarkers = 'x'",
            "poetry.lock:1: 'x' is no marker",
        ),
        ("pylock.toml", "lock-version = '2.0'", "pylock.toml: lock-version is '2.0'"),
        ("Pipfile.lock", '{"default": {\n"a": {\n"version": 1}}}', "Pipfile.lock:2: version"),
        ("Cargo.lock", "\n[[package]]\nname = 'a'", "Cargo.lock:2: version is missing"),
        ("go.mod", "require a\n", "go.mod:1: 'a' is no module and version"),
        ("go.mod", "require (\n a v1.0.0\n", "go.mod: the block require has no end"),
        ("Gemfile.lock", "", "Gemfile.lock:1: it has no section"),
        ("Gemfile.lock", "GEM\n  specs:\n    a\n", "Gemfile.lock:3: 'a' is no gem"),
        ("Gemfile.lock", "GEM\n<<<<<<< HEAD\n", "Gemfile.lock:2: a merge was not finished"),
        ("composer.lock", "{}", "composer.lock: it has no packages"),
        ("composer.lock", '{"packages": [1]}', "composer.lock: packages is no map"),
        ("gradle.lockfile", "a:b=c\n", "gradle.lockfile:1: "),
        ("packages.lock.json", '{"version": 9}', "packages.lock.json: version is 9"),
    ],
)
def test_what_is_malformed_is_an_error_with_its_place(name: str, text: str, place: str) -> None:
    with pytest.raises(InvalidInputError) as told:
        locks.read(name, text)
    import re

    assert re.match(place, str(told.value)), told.value


def test_uv_workspaces_require_what_their_project_needs() -> None:
    registry = 'source = { registry = "https://pypi.org/simple" }\n'
    text = f"""\
version = 1
[[package]]
name = "app"
version = "1"
source = {{ virtual = "." }}
dependencies = [{{ name = "api" }}]
[[package]]
name = "api"
version = "1"
source = {{ directory = "libs/api" }}
dependencies = [{{ name = "web" }}]
[[package]]
name = "worker"
version = "1"
source = {{ editable = "libs/worker" }}
dependencies = [{{ name = "queue" }}]
[[package]]
name = "web"
version = "2"
{registry}[[package]]
name = "queue"
version = "3"
{registry}"""
    found = locks.read("uv.lock", text)
    assert found.own == ("app", "api", "worker")
    assert {e.name: e.scope for e in found.entries} == {"web": "required", "queue": "optional"}
    alone = locks.read("uv.lock", text.replace('virtual = "."', 'virtual = "app"'))
    assert {e.scope for e in alone.entries} == {"required"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "poetry.lock",
            '[[package]]\nname = "Own"\nversion = "1"\nfiles = []\nsource.type = "directory"\n',
        ),
        ("pdm.lock", '[[package]]\nname = "own"\nversion = "1"\npath = "./libs/own"\n'),
        (
            "pylock.toml",
            'lock-version = "1.0"\n[[packages]]\nname = "own"\ndirectory = { path = "libs/own" }\n',
        ),
    ],
)
def test_path_dependencies_are_the_projects_own(name: str, text: str) -> None:
    found = locks.read(name, text)
    assert found.own == ("own",)
    assert found.entries == ()
