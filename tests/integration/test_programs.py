"""What programs were made of: syft, which shares no code with imgforge, must read the same."""

from __future__ import annotations

import json
from pathlib import Path

import madeimage as made
from running import run, tool


def test_syft_reads_the_same_modules_of_a_large_go_program(tmp_path: Path) -> None:
    program = Path(tool("trivy"))
    done = run(tool("syft"), "scan", "--quiet", f"file:{program}", "--output", "json")
    found = json.loads(done.stdout)
    theirs = {(a["name"], a["version"].removeprefix("go")) for a in found["artifacts"]}
    facts = made.layer(tmp_path, made.tar(made.file("trivy", program.read_bytes(), 0o755)))
    ours = {(f"{p.namespace}/{p.name}".lstrip("/"), p.version) for p in facts.packages}
    assert ours == theirs
    assert len(ours) > 300
    assert facts.problems == ()
