"""Plans and Dockerfiles: how long compiling and rendering take, in process.

A thousand specs that differ are read, fitted to their stacks, planned and rendered, one after
another, as a team with a thousand repositories would do it; each is what ``imgforge render`` does
once imgforge is loaded. p95 of rendering is taken over the same thousand.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path

from imgforge import project, render
from imgforge.oci.types import sha256

ROOT = Path(__file__).resolve().parent.parent
SPECS = 1000
P95 = 0.020
"""Seconds; the bound for rendering one Dockerfile."""

WHOLE = 10.0
"""Seconds; the bound for all of them, from files to Dockerfiles."""


def run() -> bool:
    """Print both figures; whether their bounds were kept."""
    examples = sorted(path.parent for path in (ROOT / "examples").glob("*/imgforge.toml"))
    with tempfile.TemporaryDirectory(prefix="imgforge-bench-") as name:
        folders = [_copy(Path(name), number, examples) for number in range(SPECS)]
        rendering, seen = [], set()
        start, cpu = time.perf_counter(), time.process_time()
        for folder in folders:
            plan = project.load(folder).plan()
            before = time.perf_counter()
            text = render.render(plan)
            rendering.append(time.perf_counter() - before)
            seen.add(sha256(text.encode()))
        whole, cpu = time.perf_counter() - start, time.process_time() - cpu
    if len(seen) != SPECS:
        raise AssertionError(f"{SPECS} specs made {len(seen)} Dockerfiles")
    p95 = statistics.quantiles(rendering, n=20)[-1]
    held = p95 <= P95 and whole <= WHOLE
    print(
        f"{'rendering, p95':<44} {p95 * 1e3:7.2f} ms  (first {rendering[0] * 1e3:.1f} ms, "
        f"bound {P95 * 1e3:.0f} ms) {'ok' if p95 <= P95 else 'OVER'}\n"
        f"{f'{SPECS} specs of {len(examples)} stacks, planned and rendered':<44} {whole:7.2f} s   "
        f"(CPU {cpu:.2f} s, bound {WHOLE:.0f} s) {'ok' if whole <= WHOLE else 'OVER'}"
    )
    return held


def _copy(place: Path, number: int, examples: list[Path]) -> Path:
    """Make a project like one of the examples, with a name of its own."""
    example = examples[number % len(examples)]
    folder = place / f"{number:04}"
    shutil.copytree(example, folder, ignore=shutil.ignore_patterns(".imgforge", "dist", "target"))
    spec = (example / "imgforge.toml").read_text(encoding="utf-8")
    spec = spec.replace('title = "', f'title = "{number} ', 1)
    (folder / "imgforge.toml").write_text(spec, encoding="utf-8")
    return folder
