"""What waits for the stack of a lock, told by the catalog that it comes from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import madestack
import pytest
from fakeregistry import FakeRegistry, serve
from madestack import NAME
from signedbase import signer

from imgforge import outdated
from imgforge.cli.main import main
from imgforge.errors import BuildFailedError, EvidenceError
from imgforge.outdated import StackState
from imgforge.project import Project

Make = Callable[..., Project]
BOUND = madestack.SPEC.replace(f'"{NAME}"', f'"{NAME}"\nrelease = "^1.0"')


def examine(project: Project) -> StackState:
    found = outdated.examine_stack(project, say=lambda _: None)
    assert found is not None
    return found


def test_a_git_catalogs_newer_version_waits_with_its_changelog(
    make_project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = tmp_path / "origin"
    madestack.write(origin)
    madestack.commit(origin)
    place = {"name": "acme", "git": str(origin), "ref": "main", "stacks": [NAME]}
    madestack.configure(monkeypatch, tmp_path, place)
    project = make_project(BOUND)
    (origin / "elsewhere").write_text("a commit that changes nothing of the stack\n")
    madestack.commit(origin)
    assert examine(project).kinds == frozenset()
    madestack.write(origin, "1.1.0")
    madestack.commit(origin)
    state = examine(project)
    assert state.kinds == {"any"}
    assert list(state.lines()) == ["## 1.1.0", "- Greets louder."]
    shown = state.to_json()
    assert (shown["version"], shown["newest"]["version"]) == ("1.0.0", "1.1.0")
    assert shown["keptBack"] is None
    madestack.write(origin, "2.0.0")
    madestack.commit(origin)
    state = examine(project)
    assert state.kinds == frozenset()
    assert list(state.lines()) == ["2.0.0 is there, and the spec wants ^1.0"]
    origin.rename(tmp_path / "away")
    with pytest.raises(BuildFailedError, match="of the catalog acme could not be"):
        examine(project)


def test_the_gate_counts_it_and_says_how_to_take_it(
    make_project: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    origin = tmp_path / "origin"
    madestack.write(origin)
    madestack.commit(origin)
    place = {"name": "acme", "git": str(origin), "ref": "main", "stacks": [NAME]}
    madestack.configure(monkeypatch, tmp_path, place)
    monkeypatch.setattr(outdated, "examine", lambda *_, **__: ())
    command = ["outdated", str(make_project(madestack.SPEC).root)]
    assert main(command) == 0
    assert capsys.readouterr().out == "stack acme/acme-web@1.0.0: up to date\n"
    madestack.write(origin, "1.1.0")
    madestack.commit(origin)
    assert main(command) == 10
    said = capsys.readouterr()
    assert said.out.splitlines()[0] == "stack acme/acme-web@1.0.0: 1.1.0 is there"
    assert "imgforge lock" in said.err
    assert main([*command, "--fail-on", "security", "--fail-on", "eol"]) == 0
    capsys.readouterr()
    assert main([*command, "--format", "json"]) == 10
    shown = json.loads(capsys.readouterr().out)
    assert (shown["stack"]["newest"]["version"], shown["bases"]) == ("1.1.0", [])


def test_other_files_under_the_same_version_wait(
    make_project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = tmp_path / "origin"
    own = madestack.write(origin)
    madestack.commit(origin)
    place = {"name": "acme", "git": str(origin), "ref": "main", "stacks": [NAME]}
    madestack.configure(monkeypatch, tmp_path, place)
    project = make_project(madestack.SPEC)
    (own / "build.Dockerfile.j2").write_text(madestack.TEMPLATE + "# more\n", encoding="utf-8")
    madestack.commit(origin)
    state = examine(project)
    assert state.kinds == {"any"}
    assert list(state.lines()) == ["the catalog has other files under this version"]


def test_a_registrys_newest_in_the_range_waits_and_must_be_signed(
    make_project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(FakeRegistry(referrers_api=True)) as registry:
        key, prefix = signer(), f"{registry.place}/stacks"
        (tmp_path / "acme.pub").write_bytes(key.public_key.to_pem())
        place = {"name": "acme", "registry": prefix, "stacks": [NAME], "key": "acme.pub"}
        madestack.configure(monkeypatch, tmp_path, place)
        madestack.publish(madestack.write(tmp_path / "one", "1.0.0"), prefix, key)
        project = make_project(BOUND)
        assert examine(project).kinds == frozenset()
        for version in ("1.1.0", "2.0.0"):
            madestack.publish(madestack.write(tmp_path / version, version), prefix, key)
        state = examine(project)
        assert (state.newest.version, state.beyond) == ("1.1.0", "2.0.0")
        assert list(state.lines())[-1] == "2.0.0 is there, and the spec wants ^1.0"
        madestack.publish(madestack.write(tmp_path / "3", "3.0.0"), prefix, signer())
        with pytest.raises(EvidenceError, match="has no valid signature"):
            examine(project)


def test_of_stacks_that_come_with_imgforge_or_lie_in_a_folder_nothing_waits(
    make_project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert outdated.examine_stack(make_project(), say=lambda _: None) is None
    madestack.write(tmp_path / "stacks")
    madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": "stacks"})
    assert outdated.examine_stack(make_project(madestack.SPEC), say=lambda _: None) is None
