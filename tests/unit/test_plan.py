from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable

import pytest

from imgforge.errors import InvalidInputError
from imgforge.plan import BuildPlan, seconds
from imgforge.project import Project
from imgforge.render import render

Make = Callable[..., Project]


def test_plan_and_dockerfile_are_the_same_bytes_every_time(make_project: Make) -> None:
    first, second = make_project().plan(), make_project().plan()
    assert first.text() == second.text()
    assert render(first) == render(second)


def test_compiling_and_rendering_touch_neither_clock_nor_network(
    make_project: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project()
    lock = project.read_lock()

    def forbidden(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(socket, "socket", forbidden)
    monkeypatch.setattr(time, "time", forbidden)
    from imgforge.compiler import compile_plan

    plan = compile_plan(project.spec, project.stack, project.choice, lock)
    assert render(plan).startswith("# Rendered by imgforge")


def test_the_runtime_stage_runs_nothing_and_is_not_root(
    make_plan: Callable[..., BuildPlan],
) -> None:
    runtime = render(make_plan()).split(" AS runtime\n")[1]
    assert "RUN" not in runtime
    assert "\nUSER 65532:65532\n" in runtime
    assert all(
        "--chown=0:0 --chmod=0555" in n for n in runtime.splitlines() if n.startswith("COPY")
    )


def test_everything_is_pinned(make_plan: Callable[..., BuildPlan]) -> None:
    text = render(make_plan())
    froms = [line for line in text.splitlines() if line.startswith("FROM ")]
    assert froms
    assert all("@sha256:" in line or line.startswith("FROM scratch") for line in froms)


def test_dependencies_come_before_the_application(make_plan: Callable[..., BuildPlan]) -> None:
    origins = [copy.origin for copy in make_plan().runtime.copies]
    assert origins == ["dependencies", "bytecode", "context"]


def test_an_epoch_given_overrides_the_locks(make_project: Make) -> None:
    assert make_project().plan().epoch == 1_700_000_000
    assert make_project().plan(epoch=5).epoch == 5


def test_a_build_secret_reaches_only_its_step_and_takes_native_away(
    make_project: Make, spec_text: str
) -> None:
    spec = spec_text + '\n[[build.secrets]]\nid = "netrc"\nstep = "dependencies"\n'
    plan = make_project(spec).plan()
    assert plan.stages[0].secrets == ("netrc",)
    assert plan.stages[0].fill is None
    assert "secrets" in plan.stages[0].needs_run
    text = render(plan)
    assert text.count("id=netrc") == 1
    assert "netrc" not in text.split(" AS runtime\n")[1]


def test_a_stale_lock_is_refused_with_what_differs(make_project: Make) -> None:
    project = make_project()
    path = project.spec_path
    path.write_text(path.read_text().replace('"1.0"]', '"1.0"]\nplatforms = ["linux/arm64"]'))
    from imgforge import project as projects

    with pytest.raises(InvalidInputError, match="stale") as caught:
        projects.load(path).plan()
    assert any("platforms" in detail for detail in caught.value.details)
    assert "imgforge lock" in (caught.value.hint or "")


def test_tools_that_the_spec_asks_for_are_in_the_plan_and_a_label(
    make_project: Make, spec_text: str
) -> None:
    spec = spec_text + '\n[run]\ntools = ["shell", "downloader"]\n'
    plan = make_project(spec).plan()
    assert plan.runtime.tools == ("shell", "downloader")
    assert plan.runtime.labels["dev.imgforge.run.tools"] == "shell,downloader"
    assert BuildPlan.from_json(json.loads(plan.text())) == plan


def test_the_plan_is_json(make_plan: Callable[..., BuildPlan]) -> None:
    value = json.loads(make_plan().text())
    assert value["runtime"]["user"] == "65532:65532"
    assert value["schema"] == 1


@pytest.mark.parametrize(
    ("text", "value"), [("500ms", 0.5), ("30s", 30), ("5m", 300), ("1h", 3600)]
)
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == value
