"""Who uses what: nobody is left out, and what is broken is said to be."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from imgforge import lock as locks
from imgforge import project as projects
from imgforge.errors import InvalidInputError
from imgforge.workshop import census, rollout
from imgforge.workshop.census import How, Use
from imgforge.workshop.rollout import Effect

MakeLock = Callable[[projects.Project], locks.Lock]
QUIET = How(lambda _: None, offline=True)


@pytest.fixture
def repository(tmp_path: Path, spec_text: str, made_lock: MakeLock) -> Callable[..., Path]:
    """Return a function that makes a repository with a spec and a lock."""

    def make(name: str, *, later: int = 0, spec: str = spec_text) -> Path:
        root = tmp_path / "all" / name
        root.mkdir(parents=True)
        (root / "imgforge.toml").write_text(spec, encoding="utf-8")
        lock = made_lock(projects.load(root))
        if later:
            base = replace(
                lock.runtime, digest="sha256:" + "c" * 64, epoch=lock.runtime.epoch + later
            )
            lock = replace(lock, runtime=base)
        locks.write(lock, root / "imgforge.lock")
        return root

    return make


def take(folder: Path) -> dict[str, Use]:
    return {use.spec.parent.name: use for use in census.take([folder], QUIET)}


def test_stacks_bases_and_who_is_behind_others(
    tmp_path: Path, repository: Callable[..., Path]
) -> None:
    repository("team/one")
    repository("two", later=86400)
    uses = take(tmp_path)
    assert {u.stack for u in uses.values()} == {"python"}
    assert uses["two"].behind == ()
    (late,) = uses["one"].behind
    assert late == "runtime python-3.13: others have cccccccccccc"
    assert [b.behind for b in uses["one"].bases] == [True, False]
    assert uses["one"].newest == uses["one"].version
    now = dt.datetime.fromtimestamp(uses["one"].bases[0].epoch + 3 * 86400, dt.UTC)
    shown = uses["one"].to_json(now)
    assert shown["bases"][0]["days"] == 3
    assert shown["stack"]["catalog"] == "imgforge"


def test_an_older_stack_is_behind(tmp_path: Path, repository: Callable[..., Path]) -> None:
    root = repository("old")
    path = root / "imgforge.lock"
    text = path.read_text(encoding="utf-8")
    pin = '[stack]\nname = "python"\nversion = "0.9.0"\ncatalog = "imgforge"\nsource = "builtin"\n'
    path.write_text(text.replace("[runtime]", f"{pin}\n[runtime]", 1), encoding="utf-8")
    (use,) = census.take([tmp_path], QUIET)
    assert (use.version, use.digest) == ("0.9.0", "")
    assert use.behind[0] == f"stack 0.9.0: the catalog has {use.newest}"


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("imgforge.toml", "x = [", "Invalid value"),
        ("imgforge.toml", '[stack]\nname = "nobody"\n', "is required"),
        ("imgforge.lock", "", "is not a lock"),
        ("imgforge.lock", "[runtime]\nname = \n", "is not a lock"),
    ],
)
def test_what_is_broken_is_listed(
    tmp_path: Path, repository: Callable[..., Path], file: str, text: str, words: str
) -> None:
    root = repository("broken")
    repository("whole")
    (root / file).write_text(text, encoding="utf-8")
    uses = take(tmp_path)
    assert uses["whole"].problem == ""
    assert words in uses["broken"].problem


def test_an_unknown_stack_and_a_missing_lock_are_listed(
    tmp_path: Path, repository: Callable[..., Path], spec_text: str
) -> None:
    root = repository("a")
    (root / "imgforge.lock").unlink()
    other = repository("b")
    (other / "imgforge.toml").write_text(
        spec_text.replace('name = "python"', 'name = "nobody"'), encoding="utf-8"
    )
    uses = take(tmp_path)
    assert uses["a"].problem == "there is no imgforge.lock"
    assert "there is no stack 'nobody'" in uses["b"].problem
    assert uses["b"].stack == "nobody"


def test_where_nobody_looks(tmp_path: Path, repository: Callable[..., Path]) -> None:
    for name in (".hidden/a", "node_modules/b", "venv/c"):
        repository(name)
    repository("d")
    (tmp_path / "all" / "ring").symlink_to(tmp_path / "all")
    assert list(take(tmp_path)) == ["d"]
    assert take(tmp_path / "all" / ".hidden")  # but what is named is looked into


def test_too_many_folders_are_an_error(
    tmp_path: Path, repository: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository("a")
    monkeypatch.setattr(census, "MOST", 2)
    with pytest.raises(InvalidInputError, match="more than 2 folders"):
        census.take([tmp_path], QUIET)
    with pytest.raises(InvalidInputError, match="does not exist"):
        census.take([tmp_path / "none"], QUIET)


def test_what_a_version_would_change(tmp_path: Path, repository: Callable[..., Path]) -> None:
    repository("one")
    uses = census.take([tmp_path], QUIET)
    assert list(rollout.effects(uses, QUIET, None).values()) == [Effect()]


def test_hundreds_take_seconds(tmp_path: Path, repository: Callable[..., Path]) -> None:
    root = repository("first")
    for number in range(300):
        target = tmp_path / "all" / f"r{number}"
        target.mkdir()
        for name in ("imgforge.toml", "imgforge.lock"):
            (target / name).write_bytes((root / name).read_bytes())
    start = time.process_time()
    assert len(census.take([tmp_path], QUIET)) == 301
    assert time.process_time() - start < 10


def test_one_broken_spec_breaks_no_other_of_its_stack(
    tmp_path: Path, repository: Callable[..., Path], spec_text: str
) -> None:
    broken = repository("a")
    repository("b")
    changed = f'{spec_text}\n[stack.blocks]\n"build.install" = "gone.block"\n'
    (broken / "imgforge.toml").write_text(changed, encoding="utf-8")
    uses = take(tmp_path)
    assert "gone.block" in uses["a"].problem
    assert uses["b"].problem == ""
