"""Which platforms a builder can run is asked before a build, of whatever buildx there is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from imgforge import engines
from imgforge.engines import buildkit, docker
from imgforge.errors import ToolMissingError
from imgforge.plan import BuildPlan

Plan = Callable[..., BuildPlan]
BOTH = 'platforms = ["linux/amd64", "linux/arm64"]\n'


@pytest.fixture
def spec(spec_text: str) -> str:
    """Return a spec whose dependencies pip installs, for two platforms."""
    chosen = 'name = "python"\nparameters = { installer = "pip" }'
    text = spec_text.replace('name = "python"', chosen)
    return text.replace("[stack]", BOTH + "\n[stack]")


@pytest.fixture
def inspected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a function that puts a buildx in place whose ``inspect`` says what is given."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("BUILDX_BUILDER", raising=False)
    info = docker.EngineInfo("28", "amd64", containerd_store=True)
    monkeypatch.setattr(docker, "probe", lambda: info)

    def put(said: str, code: int = 0) -> Path:
        plugin = tmp_path / "cli-plugins" / "docker-buildx"
        plugin.parent.mkdir(exist_ok=True)
        log = tmp_path / "asked"
        plugin.write_text(
            f"#!/bin/sh\necho \"$@\" >> {log}\ncat <<'EOF'\n{said}\nEOF\nexit {code}\n"
        )
        plugin.chmod(0o755)
        return log

    return put


def test_a_platform_that_cannot_be_run_is_told_before_the_build(
    inspected: Callable[..., Path], make_plan: Plan, spec: str
) -> None:
    inspected("Name: default\nPlatforms:        linux/amd64, linux/amd64/v2, linux/386\n")
    with pytest.raises(ToolMissingError) as caught:
        engines.choose("buildkit", make_plan(spec))
    assert caught.value.exit_code == 3
    assert "cannot run commands of linux/arm64" in caught.value.message
    assert "'dependencies'" in caught.value.message
    assert "qemu-user-static" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "said",
    [
        "Platforms: linux/amd64, linux/arm64",
        "Platforms: linux/amd64*, linux/arm64*, linux/arm64/v8",
        "Platforms: linux/amd64\nName: second\nPlatforms: linux/arm64/v8",
    ],
)
def test_a_platform_that_is_emulated_or_a_node_s_own_is_built(
    inspected: Callable[..., Path], make_plan: Plan, spec: str, said: str
) -> None:
    inspected(said)
    assert engines.choose("buildkit", make_plan(spec))[0] == "buildkit"


def test_nothing_is_asked_where_nothing_foreign_is_run(
    inspected: Callable[..., Path], make_plan: Plan, spec: str, spec_text: str
) -> None:
    log = inspected("Platforms: linux/amd64")
    crossing = make_plan(spec_text.replace("[stack]", BOTH + "\n[stack]"))
    assert buildkit.unable(crossing) == ""
    assert buildkit.unable(make_plan(spec.replace(BOTH, ""))) == ""
    assert not log.exists()


def test_a_crossing_step_needs_a_platform_of_the_lock(
    inspected: Callable[..., Path],
    make_plan: Plan,
    spec_text: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On an arm64 machine an application for amd64 alone has a builder for amd64 alone."""
    inspected("Platforms: linux/arm64")
    info = docker.EngineInfo("28", "arm64", containerd_store=True)
    monkeypatch.setattr(docker, "probe", lambda: info)
    assert "linux/amd64" in buildkit.unable(make_plan(spec_text))
    both = make_plan(spec_text.replace("[stack]", BOTH + "\n[stack]"))
    assert buildkit.unable(both) == ""


def test_a_named_builder_is_started_and_asked(
    inspected: Callable[..., Path],
    make_plan: Plan,
    spec: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = inspected("Platforms: linux/arm64")
    monkeypatch.setenv("BUILDX_BUILDER", "farm")
    assert "linux/amd64" in buildkit.unable(make_plan(spec))
    assert log.read_text() == "inspect --bootstrap\n"


def test_a_builder_that_does_not_answer_is_not_taken_for_able(
    inspected: Callable[..., Path], make_plan: Plan, spec: str
) -> None:
    inspected("nothing of use", code=1)
    assert "does not say what it can run" in buildkit.unable(make_plan(spec))
    inspected("nothing of use")
    assert "cannot run commands of" in buildkit.unable(make_plan(spec))
