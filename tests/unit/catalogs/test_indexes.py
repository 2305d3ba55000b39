"""Which catalogs' stacks may read the settings and credentials of package indexes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import madestack
import pytest
from madestack import NAME

from imgforge import project, settings
from imgforge.catalogs import bounds
from imgforge.errors import InvalidInputError
from imgforge.lock import LockedStack
from imgforge.stack import LoadedStack, read

READING = {
    'destination = "/opt/web"\n': 'destination = "/opt/web"\nnetwork = true\nindexes = ["pip"]\n'
}


def written(folder: Path) -> Path:
    own = madestack.write(folder)
    text = (own / "stack.toml").read_text(encoding="utf-8")
    for old, new in READING.items():
        text = text.replace(old, new)
    (own / "stack.toml").write_text(text, encoding="utf-8")
    return own


def judged(monkeypatch: pytest.MonkeyPatch, folder: Path, source: str, **more: Any) -> None:  # noqa: ANN401 - TOML
    places: dict[str, dict[str, Any]] = {
        "directory": {"directory": "stacks"},
        "git": {"git": "https://git.example.com/stacks.git", "stacks": [NAME]},
        "registry": {"registry": "registry.example.com/stacks", "stacks": [NAME], "key": "k.pub"},
    }
    madestack.configure(monkeypatch, folder, {"name": "acme", **places[source], **more})
    stages = loaded(folder).definition.stages
    bounds.demand_indexes(LockedStack(NAME, "1.0.0", "acme", source), stages)  # type: ignore[arg-type]


def loaded(folder: Path) -> LoadedStack:
    return read(written(folder / "stacks"), trusted=False)


@pytest.mark.parametrize("source", ["directory", "git"])
def test_what_is_not_signed_gets_what_is_granted(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidInputError, match="its catalog may not") as caught:
        judged(monkeypatch, tmp_path, source)
    assert 'indexes = ["pip"]' in str(caught.value.hint)
    with pytest.raises(InvalidInputError) as caught:
        judged(monkeypatch, tmp_path, source, indexes=["npm"])
    assert 'indexes = ["npm", "pip"]' in str(caught.value.hint)
    judged(monkeypatch, tmp_path, source, indexes=["pip"])


def test_a_registrys_signed_stack_gets_it_unless_that_is_denied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(monkeypatch, tmp_path, "registry")
    with pytest.raises(InvalidInputError, match="its catalog may not"):
        judged(monkeypatch, tmp_path, "registry", indexes=[])


def test_no_project_is_opened_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "stacks")
    madestack.configure(monkeypatch, tmp_path, {"name": "acme", "directory": "stacks"})
    root = tmp_path / "project"
    root.mkdir()
    (root / "imgforge.toml").write_text(madestack.SPEC, encoding="utf-8")
    with pytest.raises(InvalidInputError, match="settings of pip"):
        project.load(root)
    # Whoever tries a folder has named it himself.
    stack = read(tmp_path / "stacks" / NAME, trusted=False)
    assert project.load(root, stack=stack).stack == stack


def test_an_unknown_package_manager_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = {"name": "acme", "directory": "stacks", "indexes": ["pipp"]}
    madestack.configure(monkeypatch, tmp_path, place)
    with pytest.raises(InvalidInputError) as caught:
        settings.load()
    assert "'pipp' is no package manager" in " ".join(caught.value.details)
