"""Definitions in the folders that the settings name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imgforge.bases import definitions
from imgforge.errors import InvalidInputError

OWN = 'name = "{name}"\nsummary = "x"\n{more}[suite.trixie]\nend-of-life = 2100-01-01\n'


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Path]]:
    """Name two folders of further definitions in the settings."""
    found = tmp_path / "one", tmp_path / "two"
    for folder in found:
        folder.mkdir()
    monkeypatch.setenv("IMGFORGE_BASES", ":".join(map(str, found)))
    definitions.load.cache_clear()
    yield found
    definitions.load.cache_clear()


def own(folder: Path, name: str, more: str = "") -> None:
    (folder / f"{name}.toml").write_text(OWN.format(name=name, more=more))


def test_definitions_of_the_settings_folders_are_found(folders: tuple[Path, Path]) -> None:
    own(folders[0], "team")
    own(folders[1], "team-dev", 'parent = "team"\n')
    assert {"team", "team-dev", "static"} <= set(definitions.names())
    assert [d.name for d in definitions.chain("team-dev")] == ["team", "team-dev"]


@pytest.mark.parametrize("name", ["static", "team"])
def test_nothing_is_shadowed_in_silence(folders: tuple[Path, Path], name: str) -> None:
    own(folders[0], "team")
    own(folders[1], name)
    with pytest.raises(InvalidInputError, match=rf"two/{name}\.toml would take the place") as error:
        definitions.names()
    assert "replaces = true" in (error.value.hint or "")
    own(folders[1], name, "replaces = true\n")
    assert definitions.load(name).replaces


def test_whether_a_definition_replaces_another_decides_no_bytes(
    folders: tuple[Path, Path],
) -> None:
    own(folders[0], "team", "replaces = true\n")
    found = definitions.load("team")
    assert definitions.digest([found]) == definitions.digest(
        [found.model_copy(update={"replaces": False})]
    )


def test_a_folder_that_is_not_there_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGFORGE_BASES", str(tmp_path / "none"))
    with pytest.raises(InvalidInputError, match="there is no folder"):
        definitions.names()
