from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from imgforge import cache, compiled
from imgforge.errors import InvalidInputError
from imgforge.plan import BuildPlan
from imgforge.project import Project
from imgforge.render import render

Make = Callable[..., Project]


def test_what_is_kept_is_what_compiling_gives(make_project: Make) -> None:
    project = make_project()
    first = compiled.load(project.spec_path)
    again = compiled.load(project.spec_path)
    assert first == again
    assert first.plan == project.plan()
    assert first.dockerfile == render(project.plan())


def test_a_plan_comes_back_from_its_json(make_project: Make, spec_text: str) -> None:
    plan = make_project(
        spec_text + '\n[health]\ncommand = ["/x"]\n[run]\nwritable = ["/d"]\n'
    ).plan()
    assert BuildPlan.from_json(json.loads(plan.text())) == plan


def test_every_input_makes_another_plan(make_project: Make) -> None:
    project = make_project()
    first = compiled.load(project.spec_path).plan
    assert compiled.load(project.spec_path, epoch=7).plan.epoch == 7
    project.spec_path.write_text(project.spec_path.read_text().replace("acme/web", "acme/other"))
    assert compiled.load(project.spec_path).plan.name == "acme/other"
    project.lock_path.write_text(project.lock_path.read_text().replace("a" * 64, "c" * 64))
    assert compiled.load(project.spec_path).plan.runtime.base != first.runtime.base


@pytest.mark.parametrize("text", ["", "[]", "[{}, 1]", "null", '[{"name": 1}, "x"]', "\xff"])
def test_a_spoiled_entry_is_made_anew(make_project: Make, text: str) -> None:
    project = make_project()
    compiled.load(project.spec_path)
    (entry,) = cache.directory("plans").iterdir()
    entry.write_text(text, encoding="latin-1")
    assert compiled.load(project.spec_path).plan == project.plan()


def test_an_invalid_spec_is_an_error_each_time(make_project: Make) -> None:
    project = make_project()
    project.spec_path.write_text("[image]\n")
    for _ in range(2):
        with pytest.raises(InvalidInputError, match="not valid"):
            compiled.load(project.spec_path)


def test_a_hit_loads_neither_pydantic_nor_jinja(make_project: Make) -> None:
    project = make_project()
    code = (
        "import sys; from pathlib import Path; from imgforge import compiled\n"
        f"compiled.load(Path({str(project.spec_path)!r}))\n"
        "print(' '.join({'pydantic', 'jinja2'} & set(sys.modules)))"
    )
    for expected in ("jinja2 pydantic", ""):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert sorted(done.stdout.split()) == expected.split()
