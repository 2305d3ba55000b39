"""Plans and Dockerfiles of known specs, compared byte for byte.

To accept a wanted change: IMGFORGE_UPDATE_GOLDEN=1 pytest tests/golden, then read the diff.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from imgforge import lock as locks
from imgforge import project as projects
from imgforge.compiler import compile_plan
from imgforge.plan import BuildPlan
from imgforge.render import render

HERE = Path(__file__).parent
EXAMPLES = HERE.parent.parent / "examples"
CASES = sorted((HERE / "cases").iterdir())
REAL = sorted(p.parent for p in EXAMPLES.glob("*/imgforge.toml"))


def compare(path: Path, text: str) -> None:
    if os.environ.get("IMGFORGE_UPDATE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("case", CASES, ids=lambda p: p.name)
def test_case(case: Path, made_lock: Callable[[projects.Project], locks.Lock]) -> None:
    project = projects.load(case)
    plan = compile_plan(project.spec, project.stack, project.choice, made_lock(project))
    compare(case / "plan.json", plan.text())
    compare(case / "Dockerfile", render(plan))


@pytest.mark.parametrize("example", REAL, ids=lambda p: p.name)
def test_example(example: Path) -> None:
    plan = projects.load(example).plan()
    compare(HERE / "examples" / example.name / "plan.json", plan.text())
    compare(HERE / "examples" / example.name / "Dockerfile", render(plan))


def test_a_catalogs_stack_and_what_a_spec_changes_of_it(
    made_lock: Callable[[projects.Project], locks.Lock], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGFORGE_CONFIG", str(HERE / "catalog" / "config.toml"))
    case = HERE / "changed"
    project = projects.load(case)
    pin = dataclasses.replace(project.opened.pin, revision="")  # this checkout's commit
    plan = compile_plan(
        *(project.spec, project.stack, project.choice, made_lock(project)),
        blocks=project.blocks,
        origin=projects._origin(pin),
    )
    compare(case / "plan.json", plan.text())
    compare(case / "Dockerfile", render(plan))


def test_hostile_text_adds_no_instruction(
    made_lock: Callable[[projects.Project], locks.Lock],
) -> None:
    project = projects.load(HERE / "cases" / "hostile")
    plan: BuildPlan = compile_plan(project.spec, project.stack, project.choice, made_lock(project))
    runtime = render(plan).split(" AS runtime\n")[1]
    instructions = [line.split()[0] for line in runtime.splitlines()]
    assert set(instructions) <= {
        "COPY", "ENV", "LABEL", "WORKDIR", "USER", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD",
    }  # fmt: skip
    assert instructions.count("USER") == 1
    entrypoint = next(line for line in runtime.splitlines() if line.startswith("ENTRYPOINT "))
    assert json.loads(entrypoint.partition(" ")[2]) == list(project.choice.entrypoint)
