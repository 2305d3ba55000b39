"""An inventory of thousands of components is joined and compared in a moment."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import madeimage as made

from imgforge import checks, inventory
from imgforge.analysis.facts import Claim, Package
from imgforge.checks.inventory import bound
from imgforge.inventory.declared import Declared, Install, Target
from imgforge.locks.locked import Entry, Locked
from imgforge.oci.types import Platform
from imgforge.policy import Policy

COUNT = 5_000


def test_time_grows_with_the_components_alone(tmp_path: Path) -> None:
    facts = made.facts(tmp_path, [made.file("app/record")])
    layer = facts.layers[0].digest
    rows = tuple(
        Package(
            *("npm", f"n{i}", "1.0.0", f"pkg:npm/n{i}@1.0.0", "MIT", "somebody"),
            (f"app/node_modules/n{i}/package.json",),
            layer=layer,
            depends=tuple(f"n{i * j % COUNT}" for j in range(1, 5)),
        )
        for i in range(COUNT)
    )
    # Every package is claimed, and every record claims all.
    files = "\n".join(row.paths[0] for row in rows)
    claims = tuple(Claim("app/record", f"npm:n{i}", files) for i in range(20))
    entries = tuple(
        Entry("npm", f"n{i}", "1.0.0", i + 1, needs=(f"n{(i + 1) % COUNT}@1.0.0",))
        for i in range(COUNT)
    )
    layers = (dataclasses.replace(facts.layers[0], claims=claims),)
    facts = dataclasses.replace(facts, packages=rows, layers=layers)
    lock = Locked("package-lock.json", entries)
    declared = Declared(
        Target(Platform("linux", "amd64")), installs=(Install("app", lock),), places=("app",)
    )
    start = time.process_time()
    found = inventory.of(facts, declared)
    findings = checks.run(facts, Policy(), bound(found, declared))
    assert time.process_time() - start < 3
    assert len(found.components) == COUNT
    assert all(f.check == "IF190" for f in findings)
