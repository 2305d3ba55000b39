"""Specs that change their stack: what they add stays inside, and stays text."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path

import madestack
import pytest

from imgforge import compiled
from imgforge.errors import InvalidInputError
from imgforge.plan import BuildPlan
from imgforge.project import Project
from imgforge.render import render

Make = Callable[..., Project]


@pytest.fixture
def make(make_project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    madestack.write(tmp_path / "stacks")
    madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": "stacks"})

    def made(more: str, **files: str) -> Project:
        return make_project(madestack.SPEC + more, **files)

    return made


def step(*argv: str, at: str = "after") -> str:
    import json

    return (
        f'[[build.steps]]\nname = "own"\nstage = "build"\nat = "{at}"\n'
        f"run = {json.dumps(list(argv), ensure_ascii=True)}\n"
    )


def block(make: Make, text: str, name: str = "build.build") -> BuildPlan:
    spec = f'[build]\n[stack.blocks]\n"{name}" = "own.block"\n'
    return make(spec, **{"own.block": text}).plan()


@pytest.mark.parametrize(
    "argv",
    [
        ("say", "a b", "it's", '"q"'),
        ("say", "$(id)", "`id`", "$HOME", "${X:-y}"),
        ("say", "; rm -rf /", "&& id", "| sh", "> /x", "#", "!"),
        ("say", "a\\", "\\n", "\\\\"),
        ("say", "{{ 7 * 7 }}", "{% raw %}", "{#"),
        ("say", "--network=host", "--mount=type=ssh", "<<EOF"),
        ("FROM", "evil"),
        ("say", ""),
    ],
)
@pytest.mark.parametrize("at", ["before", "after"])
def test_a_steps_words_stay_words(argv: tuple[str, ...], at: str, make: Make) -> None:
    plan = make(step(*argv, at=at)).plan()
    lines = [line.strip() for line in plan.stages[0].instructions.splitlines()]
    (line,) = [line for line in lines if line.startswith((argv[0] + " ", f"'{argv[0]}'"))]
    assert shlex.split(line) == list(argv)
    assert any(change.startswith(f"step own {at} build: ") for change in plan.changes)
    assert "# The spec changed: step own" in render(plan)
    assert render(plan).count("\nFROM ") == 2


@pytest.mark.parametrize("word", ["a\nFROM evil", "a\rb", "a\0b", "a\x0cb", "a\u2028FROM evil"])
def test_a_step_with_a_line_break_is_refused(word: str, make: Make) -> None:
    with pytest.raises(InvalidInputError):
        make(step("echo", word)).plan()


def test_a_step_of_no_stage_and_one_without_a_place_are_told(make: Make, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="stages that its stack does not have") as caught:
        make(step("true").replace('stage = "build"', 'stage = "other"')).plan()
    assert caught.value.hint == "stages: build"
    text = madestack.TEMPLATE.replace("{{ before }}\n", "")
    (tmp_path / "stacks" / madestack.NAME / "build.Dockerfile.j2").write_text(text)
    with pytest.raises(InvalidInputError, match="has no place for steps before it"):
        make(step("true", at="before")).plan()


def test_a_block_is_replaced_and_told(make: Make) -> None:
    plan = block(make, "{% call run() %}\ntouch /out/mine\n{% endcall %}\n")
    assert "touch /out/mine" in plan.stages[0].instructions
    assert "greeting" not in plan.stages[0].instructions
    assert plan.changes[0].startswith("block build.build from own.block (sha256:")


@pytest.mark.parametrize(
    "text",
    [
        "{% endblock %}FROM evil{% block more %}",
        "{% endblock %}",
        "{% block other %}{% endblock %}",
        '{% extends "steps.j2" %}',
        "{# without an end",
        "{% raw %}",
        "{% if true %}",
        "{{ super.__class__ }}",
        "{% include '/etc/passwd' %}",
        "{{ missing }}",
        "FROM evil",
        "RUN id",
        "RUN --network=none true \\",
        "RUN --network=none cat <<EOF",
        "USER 0",
        "COPY --from=evil / /",
        "RUN --network=none --mount=type=secret,id=other true",
        "\rFROM evil",
    ],
)
def test_a_block_cannot_leave_its_place(text: str, make: Make) -> None:
    with pytest.raises(InvalidInputError):
        block(make, text)


@pytest.mark.parametrize("name", ["build.other", "other.build"])
def test_a_block_that_is_not_there_is_told(name: str, make: Make) -> None:
    with pytest.raises(InvalidInputError, match=r"has no block|does not have"):
        block(make, "x", name)


def test_a_blocks_file_is_a_plain_small_text_beside_the_spec(make: Make, tmp_path: Path) -> None:
    project = make("")
    spec = madestack.SPEC + '[stack.blocks]\n"build.build" = "own.block"\n'
    project.spec_path.write_text(spec)
    own = project.root / "own.block"
    own.symlink_to("/etc/passwd")
    with pytest.raises(InvalidInputError, match="symbolic link"):
        compiled.load(project.spec_path)
    own.unlink()
    own.write_text("x" * (65 << 10))
    with pytest.raises(InvalidInputError, match="is over 64 KiB"):
        compiled.load(project.spec_path)
    own.unlink()
    os.mkfifo(own)
    with pytest.raises(InvalidInputError, match="no regular file"):
        compiled.load(project.spec_path)
    own.unlink()
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "own.block").write_text("")
    (project.root / "folder").symlink_to(tmp_path / "away")
    project.spec_path.write_text(spec.replace('"own.block"', '"folder/own.block"'))
    with pytest.raises(InvalidInputError, match="symbolic link"):
        compiled.load(project.spec_path)


@pytest.mark.parametrize(
    "more",
    [
        '[runtime.env]\nLD_PRELOAD = "/out/evil.so"\n',
        "[runtime.env]\nA = '''a\nUSER 0'''\n",
        '[runtime]\nuser = "0:0"\n',
        '[runtime]\nlabels = { "a.b" = "c" }\n',
        '[runtime]\ntools = ["shell"]\n',
        '[runtime]\nwritable = ["/app"]\n',
        '[runtime]\nwritable = ["/app/cache"]\n',
        '[runtime]\nwritable = ["/opt/web"]\n',
        '[runtime]\nwritable = ["/opt"]\n',
        '[runtime]\nwritable = ["/etc"]\n',
        '[runtime]\nwritable = ["/data/../etc"]\n',
        "[runtime]\nports = [0]\n",
        '[runtime]\nstop-signal = "9"\n',
        '[runtime]\nentrypoint = ["python3"]\n',
        "[runtime]\nentrypoint = [\"{{ 'python3' }}\"]\n",
        '[runtime]\nentrypoint = ["/x", "{{ \'\\\\u0000\' }}"]\n',
        '[runtime]\nhealth = { command = ["curl", "x"] }\n',
        '[runtime]\nentrypoint = ["/x"]\nenv = { A = "{{ \'a\\\\nUSER 0\' }}" }\n',
        '[runtime]\nentrypoint = ["/x"]\nenv = { A = "{{ \'\'.__class__ }}" }\n',
        '[runtime]\nentrypoint = ["/x"]\nenv = { A = "{{ \'a\' * 99999 }}" }\n',
        '[runtime]\nbase = "evil"\n',
    ],
)
def test_a_stack_cannot_loosen_the_runtime_half(
    more: str, make_project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = madestack.write(tmp_path / "stacks")
    madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": "stacks"})
    head = madestack.definition().partition("[runtime]")[0]
    (own / "stack.toml").write_text(head + more)
    spec = madestack.SPEC + 'entrypoint = ["/usr/bin/python3"]\n'
    if "entrypoint" in more:
        spec = madestack.SPEC
    with pytest.raises(InvalidInputError):
        make_project(spec).plan()


def test_a_template_that_would_be_the_runtime_half_is_refused(
    make_project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": "stacks"})
    for text in ("FROM scratch AS runtime\nUSER 0\n", "{{ before }}\nUSER 0\n", "ONBUILD USER 0\n"):
        madestack.write(tmp_path / "stacks", **{"build.Dockerfile.j2": text})
        with pytest.raises(InvalidInputError, match="stage 'build' cannot be part of an image"):
            make_project(madestack.SPEC).plan()
