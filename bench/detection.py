"""Detection: how long a look at a repository of 20,000 files takes, in process.

The repository has services of several languages, folders that are skipped (``node_modules`` and the
like hold as many files again) and sources without end.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path

from imgforge import detection
from imgforge.detection import tree as trees

FILES = 20_000
RUNS = 7
BOUND = 0.5
"""Seconds for one look."""


def run() -> bool:
    """Print the median; whether its bound was kept."""
    with tempfile.TemporaryDirectory(prefix="imgforge-bench-") as name:
        root = Path(name)
        _make(root)
        times = []
        for _ in range(RUNS):
            start = time.perf_counter()
            tree, found = detection.candidates(root)
            below = detection.elsewhere(tree)
            times.append(time.perf_counter() - start)
    seen = sum(len(folder.files) for folder in tree.folders.values())
    if seen < FILES or [c.stack for c in found] != ["python"] or len(below) != 1:
        raise AssertionError(f"{seen} files, {found}, {below}: not what was made")
    median = statistics.median(times)
    held = median <= BOUND
    print(
        f"{f'a look at {seen} files in {len(tree.folders)} folders':<44} {median * 1e3:7.1f} ms  "
        f"(bound {BOUND * 1e3:.0f} ms, most {trees.MAX_ENTRIES}) {'ok' if held else 'OVER'}"
    )
    return held


def _make(root: Path) -> None:
    (root / "requirements.txt").write_text("gunicorn==23.0\n", encoding="utf-8")
    (root / "manage.py").write_text("", encoding="utf-8")
    (root / "web").mkdir()
    (root / "web/__main__.py").write_text('PORT = get("PORT", "8000")\n', encoding="utf-8")
    (root / "client").mkdir()
    (root / "client/package.json").write_text(json.dumps({"name": "client"}), encoding="utf-8")
    for i in range(FILES // 50):
        for kind, suffix in ((f"web/part{i // 20}/of{i}", "py"), (f"node_modules/p{i}", "js")):
            folder = root / kind
            folder.mkdir(parents=True)
            for j in range(50):
                (folder / f"f{j}.{suffix}").write_text("x = 1\n", encoding="utf-8")
