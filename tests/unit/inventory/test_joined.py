"""A real lock beside an image that was installed from it, and one that was not."""

from __future__ import annotations

import json
from pathlib import Path

import madeimage as made

from imgforge import checks, inventory, locks
from imgforge.checks.inventory import bound
from imgforge.inventory.component import Scope
from imgforge.inventory.declared import Declared, Target
from imgforge.oci.types import Platform
from imgforge.policy import Policy

DATA = Path(__file__).parents[2] / "data/locks"
Shown = tuple[Scope, str, tuple[str, ...]]
DEPENDENCIES = {"debug": {"ms": "^2.1.3"}}


def module(name: str, version: str) -> made.Member:
    fields = {"name": name, "version": version, "dependencies": DEPENDENCIES.get(name, {})}
    return made.file(f"app/node_modules/{name}/package.json", json.dumps(fields).encode())


def joined(
    tmp_path: Path, folder: str, *members: made.Member
) -> tuple[dict[str, Shown], set[tuple[str, str]]]:
    facts = made.facts(tmp_path, [made.file("etc/x")], members)
    (name,) = locks.lying(DATA / folder)
    declared = Declared(
        Target(Platform("linux", "amd64")),
        layers=(facts.layers[0].diff_id,),
        beside=(locks.load(DATA / folder, name),),
        places=("app",),
        own=("app",),
    )
    found = inventory.of(facts, declared)
    called = {c.ref: c.package.name for c in found.components}
    shown: dict[str, Shown] = {
        c.package.name: (c.scope, c.declared, tuple(called[n] for n in c.needs))
        for c in found.components
    }
    findings = checks.run(facts, Policy(), bound(found, declared))
    return shown, {(f.check, f.key) for f in findings}


def test_what_was_installed_from_the_lock(tmp_path: Path) -> None:
    members = [module("debug", "4.4.3"), module("ms", "2.1.3")]
    lines = {"npm-3": (26, 69), "pnpm-9": (31, 50), "bun": (22, 28)}
    for folder, (debug, ms) in lines.items():
        (tmp_path / folder).mkdir()
        (name,) = locks.lying(DATA / folder)
        shown, findings = joined(tmp_path / folder, folder, *members)
        assert shown == {
            "debug": ("required", f"{name}:{debug}", ("ms",)),
            "ms": ("required", f"{name}:{ms}", ()),
        }
        assert findings == set()


def test_what_was_not(tmp_path: Path) -> None:
    members = [
        *(module("debug", "4.0.0"), module("mkdirp", "3.0.1"), module("fsevents", "2.3.3")),
        module("left", "1.0.0"),
    ]
    _, findings = joined(tmp_path, "npm-3", *members)
    assert findings == {
        ("IF192", "npm:debug"),
        ("IF193", "npm:mkdirp"),
        ("IF195", "npm:fsevents"),
        ("IF191", "npm:left"),
    }
