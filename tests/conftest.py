"""Fixtures that every suite may use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from imgforge import lock as locks
from imgforge import project as projects
from imgforge.plan import BuildPlan

SPEC = """\
[image]
name = "acme/web"
tags = ["1.0"]

[stack]
name = "python"

[app]
source = ["web"]
lock = "requirements.txt"
entrypoint = ["/usr/bin/python3", "-m", "web"]
"""
EPOCH = 1_700_000_000


@pytest.fixture(autouse=True)
def _own_cache(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Keep the user's cache out of every test but the integration tests, which share bases."""
    if "integration" not in request.node.path.parts:
        monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def spec_text() -> str:
    """Return the text of a small python spec."""
    return SPEC


def made_lock(project: projects.Project) -> locks.Lock:
    """Make a lock that fits ``project``, of digests that name nothing."""
    inputs = project.lock_inputs()

    def base(name: str, digit: str) -> locks.LockedBase:
        digest = "sha256:" + digit * 64
        platforms = tuple(locks.LockedPlatform(p, digest, ()) for p in inputs.platforms)
        return locks.LockedBase(
            name, "packages", f"imgforge/{name}", digest, EPOCH, digest, (), platforms
        )

    builder = base(inputs.builder, "b") if inputs.builder else None
    return locks.Lock(inputs, base(inputs.runtime, "a"), builder)


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., projects.Project]:
    """Return a function that writes a project (spec text, files) with a lock and loads it."""

    def make(spec: str = SPEC, **files: str) -> projects.Project:
        root = tmp_path / "project"
        contents = {"web/__main__.py": "print('hello')\n", "requirements.txt": "", **files}
        for name, text in {"imgforge.toml": spec, **contents}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        project = projects.load(root)
        locks.write(made_lock(project), project.lock_path)
        return project

    return make


@pytest.fixture
def make_plan(make_project: Callable[..., projects.Project]) -> Callable[..., BuildPlan]:
    """Return a function that compiles a spec's text into a plan."""
    return lambda spec=SPEC: make_project(spec).plan()
