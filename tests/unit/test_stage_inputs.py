"""What a build stage reads beside the manifests: named by its stack, or by a parameter."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from imgforge import spec as specs
from imgforge import stack as stacks
from imgforge.catalogs.choosing import Wanted
from imgforge.catalogs.opening import stand_in
from imgforge.choice import choose
from imgforge.compiler import compile_plan
from imgforge.errors import InvalidInputError
from imgforge.lock import Lock
from imgforge.plan import BuildPlan
from imgforge.project import Project

Make = Callable[[Project], Lock]

STACK = """
name = "own"
version = "1.0.0"
summary = "s"
default = "1"
lock = "required"
[[locks]]
file = "own.lock"
manager = "own"
mend = "own lock"
[versions.1]
runtime = "cc"
builder = "cc-dev"
[parameters.more]
type = "strings"
default = []
doc = "d"
[[stages]]
name = "made"
template = "made.j2"
destination = "/opt/made"
inputs = ["vendored"]
inputs-from = ["more"]
"""
SPEC = """
[image]
name = "x"
[stack]
name = "own"
parameters = {{ more = {more} }}
[app]
source = ["src"]
lock = "sub/own.lock"
entrypoint = ["/app/x"]
"""


def plan_of(folder: Path, made_lock: Make, more: str, text: str = STACK) -> BuildPlan:
    own = folder / "own"
    own.mkdir()
    (own / "stack.toml").write_text(text, encoding="utf-8")
    template = """\
        {% from "steps.j2" import copy_inputs with context %}
        {{ copy_inputs("/w") }}
    """
    (own / "made.j2").write_text(textwrap.dedent(template), encoding="utf-8")
    stack = stacks.read(own, trusted=True)
    data = SPEC.format(more=more).encode()
    spec = specs.parse(data)
    choice = choose(stack, spec, data, "imgforge.toml")
    opened = stand_in(stack, Wanted(spec.stack.name))
    project = Project(folder, folder / "imgforge.toml", data, spec, opened, choice)
    return compile_plan(spec, stack, choice, made_lock(project))


def test_inputs_lie_beside_the_lock_and_reach_the_context(tmp_path: Path, made_lock: Make) -> None:
    plan = plan_of(tmp_path, made_lock, '["own gems/a"]')
    assert plan.inputs == ("src", "sub/own.lock", "sub/vendored", "sub/own gems/a")
    assert plan.stages[0].instructions.splitlines() == [
        'COPY ["sub/vendored", "/w/vendored"]',
        'COPY ["sub/own gems/a", "/w/own gems/a"]',
    ]


@pytest.mark.parametrize("path", ["../up", "/etc", "a$(b)", "a\\nRUN b"])
def test_parameters_name_only_what_is_in_the_project(
    tmp_path: Path, made_lock: Make, path: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        plan_of(tmp_path, made_lock, f'["{path}"]')
    assert "stack.parameters.more" in caught.value.details[0]


def test_inputs_come_from_parameters_that_exist(tmp_path: Path, made_lock: Make) -> None:
    text = STACK.replace('inputs-from = ["more"]', 'inputs-from = ["less"]')
    with pytest.raises(InvalidInputError) as caught:
        plan_of(tmp_path, made_lock, "[]", text)
    assert "'less' is no parameter of type strings" in caught.value.details[0]


def test_an_input_may_be_named_by_a_single_parameter(tmp_path: Path, made_lock: Make) -> None:
    text = STACK.replace('type = "strings"\ndefault = []', 'type = "string"\ndefault = ""')
    assert "sub/one.txt" in plan_of(tmp_path, made_lock, '"one.txt"', text).inputs


def parametrized(more: str) -> str:
    """Return the stack with further lines in its stage."""
    return STACK.replace('inputs-from = ["more"]\n', f'inputs-from = ["more"]\n{more}\n')


def test_sources_that_a_parameter_names_lie_beside_the_spec(
    tmp_path: Path, made_lock: Make
) -> None:
    text = parametrized('sources-from = ["more"]')
    plan = plan_of(tmp_path, made_lock, '["libs/a"]', text)
    assert {"libs/a", "sub/libs/a"} <= set(plan.inputs)
    (tmp_path / "else").mkdir()
    with pytest.raises(InvalidInputError, match="is not valid") as caught:
        plan_of(tmp_path / "else", made_lock, '["../a"]', text)
    assert any("stack.parameters.more" in line for line in caught.value.details)


@pytest.mark.parametrize(
    ("when", "more", "there"),
    [
        ("{ more = true }", '["a"]', True),
        ("{ more = true }", "[]", False),
        ("{ more = false }", "[]", True),
        ('[{ version = "2" }, { more = true }]', '["a"]', True),
        ('[{ version = "2" }, { manager = "own" }]', "[]", True),
        ('[{ version = "2" }, { more = true }]', "[]", False),
    ],
)
def test_a_stage_exists_under_any_of_several_conditions(
    tmp_path: Path, made_lock: Make, when: str, more: str, *, there: bool
) -> None:
    plan = plan_of(tmp_path, made_lock, more, parametrized(f"when = {when}"))
    assert [stage.name for stage in plan.stages] == (["made"] if there else [])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("when = []", "when"),
        ("when = [{ none = true }]", "no such parameter"),
        ('sources-from = ["none"]', "no parameter of type strings"),
    ],
)
def test_conditions_and_sources_that_mean_nothing_are_errors(
    tmp_path: Path, made_lock: Make, line: str, said: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        plan_of(tmp_path, made_lock, "[]", parametrized(line))
    assert any(said in detail for detail in caught.value.details)
