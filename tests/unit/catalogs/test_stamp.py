"""What kept plans and builds depend on beside spec and lock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import madestack
import pytest
from madestack import NAME

from imgforge import freshness, lock, project
from imgforge.catalogs import stamp
from imgforge.project import Project


def test_without_catalogs_nothing_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGFORGE_CONFIG", str(tmp_path / "none.toml"))
    assert stamp.of("python") == ""
    madestack.configure(monkeypatch, tmp_path)
    assert stamp.of("python") == ""


def test_it_changes_with_all_that_decides_and_with_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = madestack.write(tmp_path / "stacks")
    (tmp_path / "acme.pub").write_text("one")
    local = {"name": "acme", "directory": "stacks"}
    away = {"name": "away", "registry": "r.example/x", "stacks": ["y"], "key": "acme.pub"}
    madestack.configure(monkeypatch, tmp_path, local, away)
    seen = [stamp.of(NAME)]
    assert stamp.of(NAME) == seen[0]
    (tmp_path / "elsewhere").write_text("")
    assert stamp.of(NAME) == seen[0]
    (own / "build.Dockerfile.j2").write_text("other")
    seen.append(stamp.of(NAME))
    (tmp_path / "acme.pub").write_text("two")
    seen.append(stamp.of(NAME))
    madestack.write(tmp_path / "stacks", name="python")
    seen.append(stamp.of(NAME))
    madestack.configure(monkeypatch, tmp_path, local)
    seen.append(stamp.of(NAME))
    assert len(set(seen)) == len(seen)
    (tmp_path / "config.toml").write_text("catalogs = [1]")
    assert stamp.of(NAME) == "unreadable"


def test_a_stored_build_is_of_the_directorys_present_content(
    make_project: Callable[..., Project], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = madestack.write(tmp_path / "stacks")
    madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": "stacks"})
    made = make_project(madestack.SPEC)
    asked = freshness.Choices("auto", (), None, None, None, ())

    def key() -> str:
        return freshness.key("sha256:a", made.root, "sha256:b", f"{NAME}@1.0.0", asked)

    before = key()
    assert key() == before
    (own / "build.Dockerfile.j2").write_text("other")
    assert key() != before


def test_a_plan_names_the_commit_that_was_locked(
    make_project: Callable[..., Project], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    madestack.write(tmp_path / "stacks")
    first = madestack.commit(tmp_path / "stacks")
    madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": "stacks"})
    made = make_project(madestack.SPEC)
    plan = made.plan()
    (tmp_path / "stacks" / "other").write_text("")
    madestack.commit(tmp_path / "stacks")
    again = project.load(made.root)
    assert again.opened.pin.revision != first
    held = lock.read(made.lock_path).stack
    assert held is not None
    assert held.revision == first
    assert again.plan() == plan
