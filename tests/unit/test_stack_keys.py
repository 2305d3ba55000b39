"""Keys of stack.toml that imgforge's own stacks use little: each has the effect that is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import madestack
import pytest

from imgforge.errors import InvalidInputError
from imgforge.project import Project

Make = Callable[..., Project]


@pytest.fixture
def with_keys(
    make_project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Project]:
    """Return a function that loads a project whose stack has more in its stack.toml."""

    def made(top: str = "", end: str = "", **files: str) -> Project:
        text = f"{top}\n{madestack.definition(more=end)}"
        madestack.write(tmp_path / "stacks", **{"stack.toml": text})
        madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": "stacks"})
        return make_project(madestack.SPEC, **files)

    return made


def test_required_files_must_be_there(with_keys: Callable[..., Project]) -> None:
    top = 'requires = ["Procfile", "conf/app.ini"]'
    with pytest.raises(InvalidInputError, match="acme-web needs files") as caught:
        with_keys(top, Procfile="web: x\n")
    assert caught.value.details == ("conf/app.ini is not there",)
    with_keys(top, **{"Procfile": "web: x\n", "conf/app.ini": ""})


def test_required_files_lie_in_the_locks_folder(make_project: Make) -> None:
    spec = """\
[image]
name = "acme/app"
[stack]
name = "go"
[app]
source = ["api/cmd"]
lock = "api/go.sum"
"""
    files = {"api/go.sum": "", "api/cmd/main.go": ""}
    with pytest.raises(InvalidInputError, match="the stack go needs files") as caught:
        make_project(spec, **files)
    assert caught.value.details == ("api/go.mod is not there",)
    make_project(spec, **files, **{"api/go.mod": ""})


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        ('greeting = ["hi", "hello"]', ""),
        ('version = "3.13"', ""),
        ('greeting = ["hi", "hey"]', 'parameter greeting = "hello" needs RUN'),
        ('manager = "npm"', 'manager = "" needs RUN'),
    ],
)
def test_a_stage_is_native_when_its_conditions_hold(
    with_keys: Callable[..., Project], when: str, reason: str
) -> None:
    end = f'[stages.native]\nkind = "bytecode"\nwhen = {{ {when} }}\n'
    (stage,) = with_keys(end=end).plan().stages
    assert stage.needs_run == reason
    assert (stage.fill is None) == bool(reason)
