from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from imgforge.engines import wheels
from imgforge.engines.protocol import BuildRequest
from imgforge.errors import BuildFailedError, InvalidInputError
from imgforge.oci.types import Platform
from imgforge.plan import BuildPlan, Fill


def test_offline_a_wheel_that_is_not_in_the_cache_is_named(
    make_plan: Callable[..., BuildPlan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An address where nothing listens: had uv asked it, it would have said so instead.
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    plan = make_plan()
    stage = plan.stages[0]
    (tmp_path / "requirements.txt").write_text(f"imgforge-demo==1 --hash=sha256:{'0' * 64}\n")
    target = tmp_path / "out"
    target.mkdir()
    request = BuildRequest(
        plan, "", tmp_path, {}, {}, tmp_path, no_cache=False, say=print, offline=True
    )
    assert stage.fill is not None
    with pytest.raises(BuildFailedError, match=r"requirements\.txt could not be") as caught:
        wheels.fill(stage.fill, Platform("linux", "amd64"), request, target)
    said = "\n".join(caught.value.details)
    assert "imgforge-demo" in said
    assert "network was disabled" in said
    assert "--offline" in (caught.value.hint or "")


def test_requirements_that_lie_in_the_project_are_named_with_what_builds_them(
    make_plan: Callable[..., BuildPlan], tmp_path: Path
) -> None:
    plan = make_plan()
    fill = plan.stages[0].fill
    (tmp_path / "requirements.txt").write_text("-e ./libs/own\n")
    (tmp_path / "libs/own").mkdir(parents=True)
    (tmp_path / "libs/own/pyproject.toml").write_text('[project]\nname = "own"\n')
    target = tmp_path / "out"
    target.mkdir()
    request = BuildRequest(
        plan, "", tmp_path, {}, {}, tmp_path, no_cache=False, say=print, offline=True
    )
    assert fill is not None
    with pytest.raises(InvalidInputError, match=r"^requirements\.txt:1: libs/own") as caught:
        wheels.fill(fill, Platform("linux", "amd64"), request, target)
    assert 'members = ["libs/own"]' in (caught.value.hint or "")


def test_a_stack_that_prepares_nothing_has_its_requirements_installed_as_they_are(
    make_plan: Callable[..., BuildPlan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    (tmp_path / "requirements.txt").write_text(f"imgforge-demo==1 --hash=sha256:{'0' * 64}\n")
    target = tmp_path / "out"
    target.mkdir()
    request = BuildRequest(
        make_plan(), "", tmp_path, {}, {}, tmp_path, no_cache=False, say=print, offline=True
    )
    fill = Fill("wheels", {"lock": "requirements.txt", "python": "3.13", "manylinux": "2_40"})
    with pytest.raises(BuildFailedError, match=r"requirements\.txt could not be"):
        wheels.fill(fill, Platform("linux", "amd64"), request, target)


def test_what_members_of_a_workspace_ask_for_decides_too(
    make_plan: Callable[..., BuildPlan], tmp_path: Path
) -> None:
    (tmp_path / "uv.lock").write_text('source = { virtual = "." }\nsource = { virtual = "api" }\n')
    (tmp_path / "api").mkdir()
    for path in ("pyproject.toml", "api/pyproject.toml"):
        (tmp_path / path).write_text("[project]\n")
    request = BuildRequest(make_plan(), "", tmp_path, {}, {}, tmp_path, no_cache=False, say=print)
    fill = Fill("wheels", {"lock": "uv.lock", "manager": "uv", "python": "3.13"})
    seen = [wheels.inputs(fill, request)]
    for path in ("pyproject.toml", "api/pyproject.toml"):
        (tmp_path / path).write_text('[project]\ndependencies = ["more"]\n')
        seen.append(wheels.inputs(fill, request))
    assert len({tuple(each) for each in seen}) == 3
