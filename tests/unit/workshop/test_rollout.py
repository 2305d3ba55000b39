"""What another version of a stack would do to those who use it, and how it is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import madestack
import pytest
from ownstack import change

from imgforge import lock as locks
from imgforge import project as projects
from imgforge.cli.main import main
from imgforge.workshop import census, rollout
from imgforge.workshop.census import How
from imgforge.workshop.rollout import Effect

MakeLock = Callable[[projects.Project], locks.Lock]
QUIET = How(lambda _: None, offline=True)
ASKED = '\n[stack.parameters]\ngreeting = "good day"\n\n[app]'
BLOCK = """\
{% call run() %}
mkdir -p /out;
{% endcall %}
"""


@pytest.fixture
def teams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made_lock: MakeLock) -> Path:
    """Return a folder with two repositories that use a catalog's stack; one sets its parameter."""
    stacks = tmp_path / "stacks"
    madestack.write(stacks)
    madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": str(stacks)})
    for name, spec in (
        ("asks", madestack.SPEC.replace("\n[app]", ASKED)),
        ("plain", madestack.SPEC),
    ):
        root = tmp_path / "teams" / name
        (root / "web").mkdir(parents=True)
        (root / "imgforge.toml").write_text(spec, encoding="utf-8")
        loaded = projects.load(root)
        locks.write(replace(made_lock(loaded), stack=loaded.opened.pin), root / "imgforge.lock")
    return tmp_path / "teams"


def next_stack(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    """Return a folder with version 2.0.0 of the stack; ``changes`` are of its stack.toml."""
    folder = madestack.write(tmp_path / "next", "2.0.0")
    for old, new in changes:
        change(folder / "stack.toml", old, new)
    return folder


def effects(teams: Path, other: Path) -> dict[str, Effect]:
    uses = census.take([teams], QUIET)
    found = rollout.effects(uses, QUIET, str(other))
    return {Path(name).parent.name: effect for name, effect in found.items()}


def test_whom_a_renamed_parameter_breaks(tmp_path: Path, teams: Path) -> None:
    other = next_stack(tmp_path, ("[parameters.greeting]", "[parameters.words]"))
    change(other / "build.Dockerfile.j2", "parameters.greeting", "parameters.words")
    change(other / "stack.toml", "parameters.greeting", "parameters.words")
    found = effects(teams, other)
    assert found["asks"].breaks.startswith("acme-web@2.0.0 cannot build it: ")
    assert "parameters of acme-web 2.0.0: words" in found["asks"].breaks
    assert found["asks"].diff == ""
    assert "+++ acme-web@2.0.0" in found["plain"].diff
    assert found["plain"].breaks == ""


def test_caches_are_called_as_those_of_the_catalog(tmp_path: Path, teams: Path) -> None:
    for folder in (tmp_path / "stacks" / "acme-web", next_stack(tmp_path)):
        change(folder / "build.Dockerfile.j2", "call run()", 'call run(cache=["/root/.cache/x"])')
    change(tmp_path / "next/acme-web/build.Dockerfile.j2", "mkdir -p /out", "mkdir -p /out/more")
    uses = [census.take([teams / "plain"], QUIET)[0]]
    # The catalog's own copy changed: the lock is stale, which says nothing of what would change.
    found = rollout.effects(uses, QUIET, str(tmp_path / "next" / "acme-web"))
    (effect,) = found.values()
    assert "id=catalog.acme/root/.cache/x" in effect.diff
    assert "folder/" not in effect.diff


def test_a_block_that_is_gone_is_known_before_a_build(
    teams: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = teams / "plain" / "imgforge.toml"
    change(spec, "[app]", '[stack.blocks]\n"build.build" = "own.block"\n\n[app]')
    (teams / "plain" / "own.block").write_text(BLOCK, encoding="utf-8")
    other = next_stack(tmp_path)
    change(other / "build.Dockerfile.j2", "{% block build %}", "{% block make %}")
    broken = effects(teams, other)["plain"].breaks
    assert "acme-web 2.0.0 has no block build in the stage build" in broken
    change(
        tmp_path / "stacks/acme-web/build.Dockerfile.j2", "{% block build %}", "{% block make %}"
    )
    assert main(["lock", str(teams / "plain"), "--check"]) == 2
    assert "its blocks: make" in capsys.readouterr().err
    (use,) = census.take([teams / "plain"], QUIET)
    assert "has no block build" in use.problem


def test_what_is_the_same_for_several_is_said_once(
    teams: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(teams / "plain" / "imgforge.toml", "\n[app]", ASKED)
    other = next_stack(tmp_path, ('pattern = "[a-z ]+"', 'pattern = "[A-Z]+"\n'))
    change(other / "stack.toml", 'default = "hello"', 'default = "HELLO"')
    asked = ["stack", "who", str(teams), "--with", str(other)]
    assert main(asked) == 0
    told = capsys.readouterr()
    assert told.out.count("acme-web@2.0.0 cannot build it") == 1
    assert told.err.strip().endswith("2 would be broken")
    assert main([*asked, "--exit-code", "--format", "json"]) == 10
    rows = json.loads(capsys.readouterr().out)
    assert [(row["diff"], bool(row["breaks"])) for row in rows] == [(None, True)] * 2


def test_the_offer_of_a_catalog_that_is_offline_is_said_to_be_unknown(
    teams: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = {"name": "acme", "registry": "registry.example.com/stacks", "stacks": ["acme-web"]}
    key = tmp_path / "acme.pub"
    key.write_text("made up", encoding="utf-8")
    madestack.configure(monkeypatch, tmp_path, {**place, "key": str(key)})
    (teams / "plain" / "imgforge.lock").unlink()
    uses = {use.spec.parent.name: use for use in census.take([teams], QUIET)}
    assert uses["plain"].problem == "there is no imgforge.lock"
    assert "the lock does not pin the stack" in uses["asks"].problem
