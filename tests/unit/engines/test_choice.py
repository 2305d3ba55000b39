from __future__ import annotations

from collections.abc import Callable

import pytest

from imgforge import engines, process
from imgforge.engines import buildkit, containers, docker
from imgforge.errors import ToolMissingError
from imgforge.plan import BuildPlan


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    docker.probe.cache_clear()
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    monkeypatch.delenv("BUILDX_BUILDER", raising=False)
    monkeypatch.setattr(containers, "trouble", lambda: "buildah is not installed")


def with_pip(spec: str) -> str:
    return spec.replace('name = "python"', 'name = "python"\nparameters = { installer = "pip" }')


def test_auto_falls_back_to_native_and_says_why(make_plan: Callable[..., BuildPlan]) -> None:
    name, _, reason = engines.choose("auto", make_plan())
    assert name == "native"
    assert reason.startswith("buildkit: ")


def test_without_any_engine_that_can_it_is_exit_3_with_all_reasons(
    make_plan: Callable[..., BuildPlan], spec_text: str
) -> None:
    with pytest.raises(ToolMissingError) as caught:
        engines.choose("auto", make_plan(with_pip(spec_text)))
    assert caught.value.exit_code == 3
    assert [detail.partition(":")[0] for detail in caught.value.details] == [
        "buildkit",
        "native",
        "buildah",
    ]
    assert "install Docker Engine" in (caught.value.hint or "")


def test_buildah_comes_where_commands_must_be_run_and_no_daemon_is_there(
    make_plan: Callable[..., BuildPlan], spec_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "trouble", lambda: "")
    name, _, reason = engines.choose("auto", make_plan(with_pip(spec_text)))
    assert name == "buildah"
    assert [part.partition(":")[0] for part in reason.split("; ")] == ["buildkit", "native"]
    assert engines.choose("auto", make_plan())[0] == "native"


def test_the_survey_tells_of_every_engine(
    make_plan: Callable[..., BuildPlan], spec_text: str
) -> None:
    found = engines.survey(make_plan(with_pip(spec_text)))
    assert set(found) == {"buildkit", "native", "buildah"}
    assert 'installer = "pip"' in found["native"]
    assert engines.survey(make_plan())["native"] == ""


LOG = """\
#9 0.101 error: one
------
 > [dependencies 1/2] RUN something:
0.101 error: Hash mismatch
------
Dockerfile:5
--------------------
ERROR: failed to build: exit code 1""".splitlines()


def test_a_failed_step_shows_what_it_said_and_the_error() -> None:
    shown = buildkit._relevant(tuple(LOG))
    assert shown == [
        "> [dependencies 1/2] RUN something:",
        "0.101 error: Hash mismatch",
        "ERROR: failed to build: exit code 1",
    ]


def test_a_long_instruction_does_not_push_out_what_the_step_said() -> None:
    long = [*LOG[:5], "Dockerfile:5", "-" * 20, *(f"  {i} | line" for i in range(60)), LOG[-1]]
    assert "0.101 error: Hash mismatch" in buildkit._relevant(tuple(long[-process.TAIL :]))


def test_a_log_of_another_form_is_shown_as_it_ends() -> None:
    assert buildkit._relevant(("a", "", "b")) == ["a", "b"]
    assert buildkit._relevant(()) == []


def test_a_foreign_platform_is_told_apart() -> None:
    assert "qemu" in buildkit._advice("exec /bin/sh: exec format error")
    assert "imgforge render" in buildkit._advice("anything else")
