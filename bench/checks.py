"""Checks and SBOMs of real images, against syft, Trivy and gitleaks: whole processes.

Cold, neither side knows the image. After a change of one file both know all layers but the
application's. Sides run in turn and ratios are taken in one run, since the machine's speed drifts.
The result is a Markdown table, with the bound beside each ratio.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import images, peers
from bench.images import KEPT, Image
from bench.peers import Use
from imgforge.oci.layout import Layout, references

IMGFORGE = Path(sys.executable).with_name("imgforge")
COLD = int(os.environ.get("BENCH_COLD", "2"))
"""Runs of what takes minutes; 0 leaves out what is compared cold, and with the whole chain."""

RUNS = int(os.environ.get("BENCH_RUNS", "7"))
NAMES = os.environ.get("BENCH_IMAGES", "python node java").split()
CACHE = KEPT / "cache"
PEAK = 200
"""MB; the bound for the image of a gigabyte."""

_FOUND = (0, 10)
_YOUNG = 2.5
"""Seconds; of files that changed within them imgforge notes nothing."""

_MB = 1e6


class Table:
    """Prints one row a comparison, and knows whether every bound was kept."""

    def __init__(self) -> None:
        self.held = True
        print(
            "| image | what | imgforge | peers | ratio | bound | |\n|---|---|---|---|---|---|---|"
        )

    def ratio(self, image: str, what: str, pairs: list[tuple[float, float]], bound: int) -> None:
        """Compare seconds pair by pair; the bound is one part in ``bound``."""
        own, other = (statistics.median(side) for side in zip(*pairs, strict=True))
        part = statistics.median(b / a for a, b in pairs)
        self._row(image, what, f"{own:.2f} s", f"{other:.2f} s", f"1/{part:.1f}", f"1/{bound}")
        self._verdict(held=part >= bound)

    def peak(self, image: str, megabytes: int) -> None:
        """Compare the peak of memory with its bound."""
        self._row(image, "cold, peak memory", f"{megabytes} MB", "", "", f"{PEAK} MB")
        self._verdict(held=megabytes <= PEAK)

    def tell(self, image: str, what: str, own: str, other: str) -> None:
        """Show what has no bound."""
        self._row(image, what, own, other, "", "")
        print(" |", flush=True)

    def _row(self, *cells: str) -> None:
        print("|", " | ".join(cells), end=" |")

    def _verdict(self, *, held: bool) -> None:
        self.held &= held
        print(" ok |" if held else " OVER |", flush=True)


def run() -> bool:
    """Measure every image; whether all bounds were kept."""
    # The whole is measured from the outside, so imgforge's own settings are the bench's.
    made = [images.image(name) for name in (*NAMES, "large")]
    os.environ["IMGFORGE_CACHE"] = str(CACHE)
    CACHE.mkdir(mode=0o700, parents=True, exist_ok=True)
    print(f"{os.cpu_count()} CPUs; {COLD} pairs cold, {RUNS} after a change; medians\n")
    table = Table()
    try:
        for image in made[:-1]:
            _image(table, image)
        _forget()
        table.peak("large", _check(made[-1]).peak)
    finally:
        images.forget_changes()
    print()
    for image in made:
        print(f"{image.name}: {image.raw / _MB:.0f} MB unpacked, {image.entries} entries")
    return table.held


def _image(table: Table, image: Image) -> None:
    _check(image)
    cold, chain = [], []
    for _ in range(max(COLD, 1)):
        _forget()
        cold.append(_check(image) + _sboms(image))
        if COLD:
            peers.forget_trivy()
            chain.append(dict(_chain(image)))
    middle = [statistics.median(getattr(use, part) for use in cold) for part in ("cpu", "wall")]
    peak = max(use.peak for use in cold)
    said = f"{middle[0]:.2f} s, {middle[1]:.2f} s, {peak} MB"
    table.tell(image.name, "cold: CPU, wall, peak", said, "")
    if chain:
        _cold(table, image, cold, chain)
    _changes(table, image, chain)


def _cold(table: Table, image: Image, cold: list[Use], chain: list[dict[str, Use]]) -> None:
    """Compare the CPU of both sides, and show what each peer took."""
    for name in chain[0]:
        uses = [parts[name] for parts in chain]
        cpu, wall = (statistics.median(getattr(use, p) for use in uses) for p in ("cpu", "wall"))
        said = f"{cpu:.1f} s, {wall:.1f} s, {max(use.peak for use in uses)} MB"
        table.tell(image.name, f"cold, {name}: the same", "", said)
    whole = [sum(parts.values(), Use()) for parts in chain]
    some = [parts["syft"] + parts["Trivy secrets"] for parts in chain]
    for title, other, bound in (("the chain", whole, 15), ("syft + Trivy secrets", some, 6)):
        pairs = [(a.cpu, b.cpu) for a, b in zip(cold, other, strict=True)]
        table.ratio(image.name, f"cold, CPU, against {title}", pairs, bound)


def _changes(table: Table, image: Image, chain: list[dict[str, Use]]) -> None:
    """Time a change of one file: the check alone, and with both SBOMs."""
    # Both sides get to know the layout that changes from here on, and files that are not young.
    known = image.changed()
    time.sleep(_YOUNG)
    _check(known)
    peers.trivy_secrets(known.layout)
    _sbom_of_trivy(known)
    alone, both = [], []
    for _ in range(RUNS):
        changed = image.changed()
        alone.append((_check(changed).wall, peers.trivy_secrets(changed.layout).wall))
    for _ in range(RUNS):
        changed = image.changed()
        own = _check(changed) + _sboms(changed)
        other = peers.trivy_secrets(changed.layout) + _sbom_of_trivy(changed)
        both.append((own.wall, other.wall))
    sides = (("check", alone, "Trivy secrets"), ("check + SBOMs", both, "Trivy secrets + SBOM"))
    for what, pairs, peer in sides:
        if chain:
            # What keeps nothing between runs takes as long as it did cold: it is not run again.
            again = statistics.median(sum(c[name].wall for name in _FORGETFUL) for c in chain)
            with_all = [(own, other + again) for own, other in pairs]
            table.ratio(image.name, f"change, {what}, against the chain", with_all, 200)
        table.ratio(image.name, f"change, {what}, against warm {peer}", pairs, 5)


_FORGETFUL = ("syft", "unpacking", "gitleaks")


def _chain(image: Image) -> Iterator[tuple[str, Use]]:
    """Run every peer; yield its name and what it used."""
    layout = Layout.open(image.layout)
    layers = references(layout.read_json(layout.index()[0]))[1:]
    steps: list[tuple[str, Callable[[], Use]]] = [
        ("syft", lambda: peers.syft(image.layout)),
        *([] if image.name == "java" else [("Trivy SBOM", lambda: _sbom_of_trivy(image))]),
        ("Trivy secrets", lambda: peers.trivy_secrets(image.layout)),
        ("unpacking", lambda: peers.unpack([layout.blob_path(d.digest) for d in layers])),
        ("gitleaks", peers.gitleaks),
    ]
    for name, step in steps:
        yield name, step()


def _sbom_of_trivy(image: Image) -> Use:
    # Of jars Trivy lists nothing without a database that it fetches from a registry: it is spared.
    return Use() if image.name == "java" else peers.trivy_sbom(image.layout)


def _check(image: Image) -> Use:
    return peers.run([IMGFORGE, "check", "--quiet", image.layout], _FOUND)


def _sboms(image: Image) -> Use:
    command: list[str | Path] = [IMGFORGE, "sbom", "--quiet", image.layout, "--format"]
    return peers.run([*command, "spdx"]) + peers.run([*command, "cyclonedx"])


def _forget() -> None:
    """Remove the facts of all layers; the compiled rules stay, as they do between images."""
    for path in (CACHE / "analysis").glob("*.facts"):
        path.unlink()
