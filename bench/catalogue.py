"""What the catalogue of packages costs: the analysis of real images with and without it.

Both in one process in turn (A B A B ...), as processor time of all threads, for that is what is
spent whoever else is busy; each image is read anew each time. Beside it stands what syft takes for
the same image, as wall time of its process. Of what is kept in the cache, loading is compared too.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from bench import images, peers
from bench.images import KEPT, Image
from imgforge.analysis import analyse, store
from imgforge.analysis.facts import ImageFacts
from imgforge.oci.layout import Layout

RUNS = int(os.environ.get("BENCH_RUNS", "5"))
NAMES = os.environ.get("BENCH_IMAGES", "python node java").split()
CACHE = KEPT / "catalogue"
BOUND = 10
"""Per cent of the analysis."""


class _Nothing:
    """Stands for what looks at programs and jars, and does not look."""

    is_one = is_jar = is_grouped = False

    def __init__(self, *_: object) -> None:
        """Take whatever comes."""

    def member(self, *_: object, **__: object) -> None:
        """Pass a file in an archive."""

    def packages(self, *_: object) -> Iterator[object]:
        """Return nothing."""
        return iter(())


@contextmanager
def _without() -> Iterator[None]:
    off: dict[str, Any] = {
        "imgforge.analysis.layer.reader": lambda *_: None,
        "imgforge.analysis.content.reader": lambda *_: None,
        "imgforge.analysis.content.Linked": _Nothing,
        "imgforge.analysis.content.Jar": _Nothing,
        "imgforge.analysis.image.packages": lambda _: (),
    }
    patches = [mock.patch(name, value) for name, value in off.items()]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()


def run() -> bool:
    """Measure every image; whether the bound was kept."""
    CACHE.mkdir(mode=0o700, parents=True, exist_ok=True)
    print("| image | packages | without | with | more | bound | load | syft |")
    print("|---|---|---|---|---|---|---|---|")
    held = [_compared(images.image(name)) for name in NAMES]
    return all(held)


def _compared(image: Image) -> bool:
    facts = _read(image.layout)
    pairs = []
    for _ in range(RUNS):
        with _without():
            before = _spent(lambda: _read(image.layout))
        pairs.append((before, _spent(lambda: _read(image.layout))))
    before, after = (statistics.median(side) for side in zip(*pairs, strict=True))
    more = 100 * (statistics.median(b / a for a, b in pairs) - 1)
    started = time.perf_counter()
    peers.syft(image.layout)
    took = time.perf_counter() - started
    loading = 1000 * sum(_loading(layer.digest) for layer in facts.layers)
    print(
        f"| {image.name} | {len(facts.packages)} | {before:.2f} s | {after:.2f} s | {more:.1f} % "
        f"| {BOUND} % | {loading:.0f} ms | {took:.1f} s |",
        flush=True,
    )
    return more <= BOUND


def _read(layout: Path) -> ImageFacts:
    opened = Layout.open(layout)
    (top,) = opened.index()
    return analyse(opened, opened.images(top)[0], cache=CACHE, anew=True)


def _spent(what: Callable[[], object]) -> float:
    started = time.process_time()
    what()
    return time.process_time() - started


def _loading(digest: str) -> float:
    from imgforge import malware

    engines = malware.scanner(CACHE).identity
    started = time.perf_counter()
    if store.load(CACHE, digest, engines) is None:
        raise SystemExit(f"nothing is kept of {digest}")
    return time.perf_counter() - started
