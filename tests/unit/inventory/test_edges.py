from __future__ import annotations

import json
import time
from pathlib import Path

import madeimage as made

from imgforge import inventory
from imgforge.analysis.facts import ImageFacts, Package
from imgforge.inventory.component import Component
from imgforge.inventory.edges import needs
from imgforge.inventory.matching import Match
from imgforge.locks.locked import Entry, Locked


def module(folder: str, name: str, version: str, *dependencies: str) -> made.Member:
    fields = {"name": name, "version": version, "dependencies": dict.fromkeys(dependencies, "*")}
    return made.file(f"{folder}/package.json", json.dumps(fields).encode())


def edges(facts: ImageFacts) -> dict[str, set[str]]:
    found = inventory.of(facts)
    names = {c.ref: f"{c.package.name}@{c.package.version}" for c in found.components}
    return {names[c.ref]: {names[need] for need in c.needs} for c in found.components}


def test_modules_are_found_as_node_finds_them(tmp_path: Path) -> None:
    facts = made.facts(
        tmp_path,
        [
            module("app/node_modules/a", "a", "1.0.0", "b", "@s/c", "none"),
            module("app/node_modules/a/node_modules/b", "b", "2.0.0", "a"),
            module("app/node_modules/b", "b", "1.0.0", "b"),
            module("app/node_modules/@s/c", "@s/c", "1.0.0", "b"),
            module("other/node_modules/b", "b", "3.0.0"),
        ],
    )
    assert edges(facts) == {
        "a@1.0.0": {"b@2.0.0", "c@1.0.0"},
        "b@2.0.0": {"a@1.0.0"},
        "b@1.0.0": set(),
        "c@1.0.0": {"b@1.0.0"},
        "b@3.0.0": set(),
    }


def test_links_of_pnpm_are_followed(tmp_path: Path) -> None:
    store = "app/node_modules/.pnpm"
    facts = made.facts(
        tmp_path,
        [
            module(f"{store}/a@1.0.0/node_modules/a", "a", "1.0.0", "b"),
            made.symlink(f"{store}/a@1.0.0/node_modules/b", "../../b@2.0.0/node_modules/b"),
            module(f"{store}/b@2.0.0/node_modules/b", "b", "2.0.0"),
            module(f"{store}/b@1.0.0/node_modules/b", "b", "1.0.0"),
            made.symlink("app/node_modules/a", ".pnpm/a@1.0.0/node_modules/a"),
        ],
    )
    assert edges(facts)["a@1.0.0"] == {"b@2.0.0"}


def packages(*rows: tuple[str, str, str, tuple[str, ...]]) -> list[Package]:
    return [
        Package("pypi", name, version, f"pkg:pypi/{name}@{version}", "", "", (path,), depends=needs)
        for name, version, path, needs in rows
    ]


def test_the_nearest_of_several_counts(tmp_path: Path) -> None:
    rows = packages(
        ("a", "1", "x/a-1.dist-info/METADATA", ("b",)),
        ("a", "1", "y/a-1.dist-info/METADATA", ("b", "gone | c")),
        ("b", "1", "x/b-1.dist-info/METADATA", ("a",)),
        ("b", "2", "y/b-2.dist-info/METADATA", ()),
        ("c", "1", "z/c-1.dist-info/METADATA", ()),
    )
    refs = [Component(row).ref for row in rows]
    found = needs(made.facts(tmp_path), rows, refs, [Match()] * len(rows))
    assert found == [
        (refs[2],),
        tuple(sorted((refs[3], refs[4]))),
        (refs[0],),
        (),
        (),
    ]


def test_a_lock_adds_what_packages_do_not_say(tmp_path: Path) -> None:
    rows = packages(
        ("a", "1", "x/a-1.dist-info/METADATA", ("b",)),
        ("b", "1", "x/b-1.dist-info/METADATA", ()),
        ("b", "2", "y/b-2.dist-info/METADATA", ()),
        ("c", "2", "y/c-2.dist-info/METADATA", ()),
    )
    entry = Entry("pypi", "a", "1", 1, needs=("b@2", "C@2", "gone@1"))
    match = Match(Locked("uv.lock", (entry,)), "beside", entry, (entry,))
    refs = [Component(row).ref for row in rows]
    found = needs(made.facts(tmp_path), rows, refs, [match, Match(), Match(), Match()])
    assert found[0] == tuple(sorted((refs[1], refs[3])))


def test_time_grows_with_the_edges_alone(tmp_path: Path) -> None:
    # Ten thousand packages of one name that all need each other and themselves.
    rows = packages(
        *((f"n{i % 10}", str(i), f"p{i}/n.dist-info/METADATA", ("n1", "n2")) for i in range(10_000))
    )
    refs = [Component(row).ref for row in rows]
    start = time.process_time()
    found = needs(made.facts(tmp_path), rows, refs, [Match()] * len(rows))
    assert time.process_time() - start < 3
    assert all(found)
