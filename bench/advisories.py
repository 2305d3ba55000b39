"""The advisory database at full size: 300,000 advisories, made up after the real ones.

    .venv/bin/python -m bench.advisories

Measured: a first import, one of the same dump, one of a dump of which a hundredth changed, memory,
and 1,000 components matched in a process of their own (opening included, Python's start not), as
processor time, for that is what is spent whoever else is busy. BENCH_DATABASE names a file in which
the database is kept, for :mod:`bench.rescan`.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

ADVISORIES = int(os.environ.get("BENCH_ADVISORIES", "300000"))
RUNS = int(os.environ.get("BENCH_RUNS", "7"))
COMPONENTS = 1000
MATCHED = 0.2
"""Bound: seconds to open the database and match all components."""
MEMORY = 300
"""Bound: MB of an import."""

_KINDS = (
    ("Debian", 0.25), ("npm", 0.25), ("PyPI", 0.1), ("Maven", 0.08), ("Go", 0.06),
    ("crates.io", 0.03), ("RubyGems", 0.03), ("Packagist", 0.05), ("NuGet", 0.03),
    ("Ubuntu", 0.07), ("Alpine", 0.05),
)  # fmt: skip
_WORDS = "A flaw in the parser lets a remote attacker read memory by a crafted request. " * 15
TYPES = {
    "Debian": "deb", "npm": "npm", "PyPI": "pypi", "Maven": "maven", "Go": "golang",
    "crates.io": "cargo", "RubyGems": "gem", "Packagist": "composer", "NuGet": "nuget",
}  # fmt: skip


def version_of(dice: random.Random, kind: str) -> str:
    """Return a version as packages of a kind have them."""
    number = f"{dice.randrange(1, 9)}.{dice.randrange(20)}.{dice.randrange(20)}"
    if kind in {"Debian", "Ubuntu"}:
        return f"{number}-{dice.randrange(1, 9)}+deb12u{dice.randrange(1, 9)}"
    return f"{number}-r{dice.randrange(9)}" if kind == "Alpine" else number


def name_of(dice: random.Random, kind: str) -> str:
    """Return the name of a package, some of them far more often than others."""
    # A few packages have thousands of advisories, as the kernel has.
    if kind in {"Debian", "Ubuntu"} and dice.random() < 0.1:  # noqa: PLR2004
        return "linux"
    number = int(20_000 * dice.random() ** 2)
    if kind == "Maven":
        return f"org.example.g{number % 500}:artifact-{number}"
    return (
        f"example.com/mod{number}"
        if kind == "Go"
        else f"vendor/package-{number}"
        if (kind == "Packagist")
        else f"package-{number}"
    )


def _releases(kind: str) -> tuple[str, ...]:
    if kind == "Debian":
        return ("Debian:11", "Debian:12", "Debian:13")
    if kind == "Ubuntu":
        return ("Ubuntu:22.04:LTS", "Ubuntu:24.04:LTS")
    return ("Alpine:v3.20", "Alpine:v3.21") if kind == "Alpine" else (kind,)


def advisory(number: int, changed: bool) -> dict[str, Any]:  # noqa: FBT001
    """Return one advisory; ``changed`` ones have another fix and a later time."""
    dice = random.Random(number)  # noqa: S311 - the same each time
    kind = dice.choices([k for k, _ in _KINDS], [w for _, w in _KINDS])[0]
    name = name_of(dice, kind)
    affected = []
    for release in _releases(kind):
        lower, upper = sorted((version_of(dice, kind), version_of(dice, kind)))
        if name == "linux":  # a release mends dozens of flaws at once
            lower, upper = f"{dice.choice((5, 6))}.1-1", f"6.1.{dice.randrange(180)}-1"
        events = [{"introduced": "0" if dice.random() < 0.7 else lower}]  # noqa: PLR2004
        if dice.random() < 0.8:  # noqa: PLR2004
            events.append({"fixed": upper + ("1" if changed else "")})
        listed = sorted({version_of(dice, kind) for _ in range(20)}) if kind == "PyPI" else []
        how = "SEMVER" if kind in {"npm", "Go", "crates.io"} else "ECOSYSTEM"
        affected.append(
            {
                "package": {"ecosystem": release, "name": name},
                "ranges": [{"type": how, "events": events}],
                "versions": listed,
            }
        )
    return {
        "schema_version": "1.6.0",
        "id": f"BENCH-{number:07d}",
        "modified": "2026-06-02T00:00:00Z" if changed else "2026-06-01T00:00:00Z",
        "published": "2026-05-01T00:00:00Z",
        "aliases": [f"CVE-2026-{number:07d}"],
        "summary": f"A flaw in {name}",
        "details": _WORDS,
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "affected": affected,
        "references": [{"type": "ADVISORY", "url": f"https://example.com/advisories/{number}"}],
    }


def dump(path: Path, changed: int) -> None:
    """Write a dump as OSV publishes them; one in ``changed`` advisories is another (0: none)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        for number in range(ADVISORIES):
            value = advisory(number, bool(changed) and number % changed == 0)
            out.writestr(f"{value['id']}.json", json.dumps(value))


_IMPORT = """\
import datetime as dt, sys
from pathlib import Path
from imgforge.advisories.given import Given
from imgforge.advisories.importing import import_all
print(import_all([Given("bench", Path(sys.argv[1]))], Path(sys.argv[2]),
                 now=dt.datetime.now(dt.UTC), say=lambda _: None)[0][4:7])
"""

_MATCH = """\
import json, sys, time
from pathlib import Path
rows = json.loads(Path(sys.argv[2]).read_text())
import gc
from imgforge.cli.main import ALLOCATIONS
gc.set_threshold(ALLOCATIONS)  # as the command does
begun = time.perf_counter()
from imgforge.advisories.database import open_database
from imgforge.analysis.facts import Package
from imgforge.inventory import Component, System
loaded = time.perf_counter()
components = [Component(Package(kind, name, version, "pkg:x", "", "", ("x",), namespace=space))
              for kind, space, name, version in rows]
made = time.process_time()
with open_database(Path(sys.argv[1])) as database:
    matches, unmatched = database.match(components, System("debian", "12"))
done = time.process_time()
print(done - made, loaded - begun, len(matches), len(unmatched))
"""


def _measured(script: str, *arguments: Path) -> tuple[float, int, str]:
    """Return seconds, peak MB and the output of a process."""
    begun = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
    )
    peak = max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    return time.perf_counter() - begun, peak // 1024, done.stdout.strip()


def components(path: Path) -> None:
    """Write the components of a big image: 400 of the distribution and 600 of languages."""
    dice = random.Random(7)  # noqa: S311 - the same each time
    rows = [["deb", "", "linux", "6.1.120-1"]]
    while len(rows) < COMPONENTS:
        kind = "Debian" if len(rows) < COMPONENTS * 2 // 5 else dice.choice(list(TYPES)[1:])
        space, name = "", name_of(dice, kind)
        if name == "linux":  # an image has one version of it, above
            continue
        if kind == "Maven":
            space, _, name = name.partition(":")
        elif "/" in name:
            space, _, name = name.partition("/")
        rows.append([TYPES[kind], space, name, version_of(dice, kind)])
    path.write_text(json.dumps(rows))


def main() -> None:
    """Measure and print; fail beyond the bounds."""
    with tempfile.TemporaryDirectory(prefix="bench-advisories-") as scratch:
        folder = Path(scratch)
        first, later, database = folder / "all.zip", folder / "later.zip", folder / "a.sqlite"
        dump(first, 0)
        dump(later, 100)
        components(folder / "components.json")
        print(f"{ADVISORIES} advisories, {first.stat().st_size / 1e6:.0f} MB packed")
        for what, source in (("first import", first), ("same again", first), ("1 % new", later)):
            seconds, peak, said = _measured(_IMPORT, source, database)
            print(f"  {what:<14}{seconds:6.1f} s  {peak:4d} MB  records, added, removed: {said}")
            assert peak <= MEMORY, f"an import took {peak} MB"
        print(f"  database      {database.stat().st_size / 1e6:6.0f} MB")
        if kept := os.environ.get("BENCH_DATABASE"):
            shutil.copyfile(database, kept)
        runs = []
        for _ in range(RUNS):
            _, _, said = _measured(_MATCH, database, folder / "components.json")
            runs.append([float(word) for word in said.split()])
        took = statistics.median(run[0] for run in runs)
        loaded = statistics.median(run[1] for run in runs)
        print(
            f"  {COMPONENTS} components matched in {took * 1000:.0f} ms (imports "
            f"{loaded * 1000:.0f} ms), {runs[0][2]:.0f} matches, {runs[0][3]:.0f} unmatched"
        )
        assert took <= MATCHED, f"matching took {took:.3f} s"


if __name__ == "__main__":
    main()
