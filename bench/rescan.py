"""Scanning 500 stored SBOMs of 300 components each anew, as a fleet does every night.

    BENCH_DATABASE=all.sqlite .venv/bin/python -m bench.rescan

The documents are what ``imgforge sbom`` writes, half SPDX and half CycloneDX, of images on three
bases that share part of what they are made of. Measured is the whole command. The database is
that of :mod:`bench.advisories`, which keeps one where BENCH_DATABASE says.
"""

from __future__ import annotations

import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import advisories
from imgforge.analysis import purl
from imgforge.analysis.facts import Package
from imgforge.inventory import Component, Inventory, System
from imgforge.oci.types import Platform
from imgforge.sbom import cyclonedx, spdx

DOCUMENTS = int(os.environ.get("BENCH_DOCUMENTS", "500"))
RUNS = int(os.environ.get("BENCH_RUNS", "3"))
COMPONENTS = 300
OF_BASE = 100
BASES = 3
_KNOWN = 0.3
BOUND = 10.0
"""Seconds."""

_RELEASE = {"ID": "debian", "VERSION_ID": "12"}
_CREATED = 1_780_000_000


def _digest(dice: random.Random) -> str:
    return f"sha256:{dice.randbytes(32).hex()}"


def _name(dice: random.Random, kind: str) -> str:
    """Return a name: of most packages nobody ever said anything."""
    if dice.random() < _KNOWN and (name := advisories.name_of(dice, kind)) != "linux":
        return name
    number = dice.randrange(1_000_000)
    return f"org.example.g{number}:artifact" if kind == "Maven" else f"package-{number}"


def _component(dice: random.Random, kind: str, layer: str) -> Component:
    space, name = "", _name(dice, kind)
    if kind == "Maven":
        space, _, name = name.partition(":")
    elif "/" in name:
        space, _, name = name.partition("/")
    system = kind == "Debian"
    package = Package(
        advisories.TYPES[kind],
        name,
        f"8.{advisories.version_of(dice, kind)}",
        "",
        "MIT",
        f"Maintainers of {name} <{name.replace('/', '-')}@lists.example.org>",
        (f"var/lib/dpkg/status.d/{name}" if system else f"app/lib/{kind}/{name}/metadata.json",),
        namespace=space,
        architecture="amd64" if system else "",
        layer=layer,
        hashes=(_digest(dice),),
    )
    package = package._replace(purl=purl.build(package, _RELEASE))
    return Component(package, "base" if system else "app")


def inventory(number: int) -> Inventory:
    """Return what the image ``number`` has: a base of three, and an application's packages."""
    dice = random.Random(number)  # noqa: S311 - the same each time
    base = random.Random(number % BASES - BASES)  # noqa: S311 - the same each time
    below, above = _digest(base), _digest(dice)
    made = {c.ref: c for c in (_component(base, "Debian", below) for _ in range(OF_BASE))}
    kind = ("npm", "PyPI", "Maven", "Go")[number % 4]
    while len(made) < COMPONENTS:
        one = _component(dice, kind, above)
        made[one.ref] = one
    refs = sorted(made)
    found = tuple(
        made[ref]._replace(needs=tuple(sorted(set(dice.sample(refs, 2)) - {ref}))) for ref in refs
    )
    system = System("debian", "12", "bookworm")
    return Inventory(_digest(dice), Platform("linux", "amd64"), system, (below, above), found)


def write(folder: Path) -> int:
    """Write the documents; return their bytes."""
    size = 0
    for number in range(DOCUMENTS):
        form, ending = ((spdx, "spdx"), (cyclonedx, "cdx"))[number % 2]
        data = form.render(inventory(number), name=f"shop/part-{number}", created=_CREATED)
        (folder / f"{number:04d}.{ending}.json").write_bytes(data)
        size += len(data)
    return size


def main() -> None:
    """Measure and print; fail beyond the bound."""
    with tempfile.TemporaryDirectory(prefix="bench-rescan-") as scratch:
        folder, out = Path(scratch) / "sboms", Path(scratch) / "out.json"
        folder.mkdir()
        size = write(folder)
        argv = [str(Path(sys.executable).with_name("imgforge")), "scan", str(folder), "--quiet"]
        argv += ["--db", os.environ["BENCH_DATABASE"], "--format", "json", "--output", str(out)]
        print(f"{DOCUMENTS} SBOMs of {COMPONENTS} components, {size / 1e6:.0f} MB")
        runs = []
        for _ in range(RUNS):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            begun = time.perf_counter()
            code = subprocess.run(argv, check=False, stderr=subprocess.DEVNULL).returncode
            took = time.perf_counter() - begun
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            assert code in {0, 10}, f"exit code {code}"
            spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            runs.append((took, spent, after.ru_maxrss >> 10))
        hits = sum(len(i["vulnerabilities"]) for i in _images(json.loads(out.read_bytes())))
        took, spent, peak = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"  {took:.1f} s, CPU {spent:.1f} s, {peak:.0f} MB, {hits} vulnerabilities")
        assert took <= BOUND, f"it took {took:.1f} s"


def _images(found: dict[str, object]) -> list[dict[str, list[object]]]:
    results = found["targets"]
    assert isinstance(results, list)
    return [image for result in results for image in result["images"]]


if __name__ == "__main__":
    main()
