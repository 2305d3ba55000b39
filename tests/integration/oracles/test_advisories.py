"""Versions against the programs whose rules they follow, and databases against real advisories."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from imgforge.advisories.versions import key


def tool(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} is needed here"
    return found


def compared(rule: str, one: str, other: str) -> int:
    left, right = key(rule, one), key(rule, other)
    return int(left > right) - int(left < right)


def made(dice: random.Random, letters: str) -> str:
    return dice.choice("0123456789") + "".join(dice.choices(letters, k=dice.randrange(8)))


def test_versions_of_debian_are_ordered_as_dpkg_does() -> None:
    dpkg, dice = tool("dpkg"), random.Random(11)  # noqa: S311 - the same each time
    for _ in range(400):
        one, other = (
            ("1:" if dice.random() < 0.1 else "")
            + made(dice, "0019.a~+")
            + (f"-{made(dice, '01.b~+')}" if dice.random() < 0.6 else "")
            for _ in range(2)
        )
        order = ("lt", "eq", "gt")[compared("deb", one, other) + 1]
        done = subprocess.run([dpkg, "--compare-versions", one, order, other], check=False)
        assert done.returncode == 0, f"{one} {order} {other}"


def test_versions_of_npm_are_ordered_as_npm_does(tmp_path: Path) -> None:
    node, npm = tool("node"), Path(tool("npm")).resolve()
    dice = random.Random(12)  # noqa: S311 - the same each time

    def version() -> str:
        numbers = ".".join(str(dice.randrange(3)) for _ in range(3))
        words = ".".join(dice.choice(["0", "1", "10", "a", "b", "a-1", "rc"]) for _ in range(2))
        return numbers + (f"-{words}" if dice.random() < 0.6 else "")

    pairs = [(version(), version()) for _ in range(2000)]
    (tmp_path / "pairs.json").write_text(json.dumps(pairs))
    script = (
        "const {createRequire} = require('module');"
        "const semver = createRequire(process.argv[1])('semver');"
        "const pairs = JSON.parse(require('fs').readFileSync(process.argv[2]));"
        "console.log(JSON.stringify(pairs.map(([a, b]) => semver.compare(a, b))))"
    )
    done = subprocess.run(
        [node, "-e", script, str(npm), str(tmp_path / "pairs.json")],
        check=True,
        capture_output=True,
        text=True,
    )
    for (one, other), order in zip(pairs, json.loads(done.stdout), strict=True):
        assert compared("semver", one, other) == order, f"{one} {other}"


def test_versions_of_python_are_ordered_as_pip_does() -> None:
    from packaging.version import Version

    dice = random.Random(13)  # noqa: S311 - the same each time
    parts = ["1", "1.0", "1.0.1", "2"], ["", "a1", "b2", "rc1"], ["", ".post1"], ["", ".dev3"]
    for _ in range(500):
        one, other = ("".join(dice.choice(part) for part in parts) for _ in range(2))
        left, right = Version(one), Version(other)
        assert compared("pypi", one, other) == (left > right) - (left < right)


@pytest.mark.parametrize(
    ("version", "hit"),
    [("2.2.2", {"PYSEC-2023-57", "PYSEC-2023-58"}), ("2.2.3", set()), ("3.0.1", set())],
)
def test_real_advisories_hit_what_they_say(tmp_path: Path, version: str, hit: set[str]) -> None:
    from madeadvisories import bring, component

    from imgforge.advisories.database import open_database

    bring(tmp_path / "db", Path(__file__).parents[2] / "data/advisories")
    with open_database(tmp_path / "db") as db:
        matches, unmatched = db.match([component("pypi", "Werkzeug", version)], None)
        go, _ = db.match([component("golang", "stdlib", "go1.22.3")], None)
        fixed, _ = db.match([component("golang", "stdlib", "go1.21.11")], None)
    assert {match.advisory.id for match in matches} == hit
    assert unmatched == []
    assert [(match.advisory.id, match.fixed) for match in go] == [("GO-2024-2887", "1.22.4")]
    assert fixed == []
