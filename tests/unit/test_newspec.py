"""imgforge.newspec: a spec is written whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgforge import newspec
from imgforge.errors import InvalidInputError


def test_nothing_is_replaced_without_being_asked(tmp_path: Path) -> None:
    target = tmp_path / "imgforge.toml"
    newspec.write(target, "a = 1\n", replace=False)
    with pytest.raises(InvalidInputError, match="is there already"):
        newspec.write(target, "a = 2\n", replace=False)
    assert target.read_text() == "a = 1\n"
    newspec.write(target, "a = 2\n", replace=True)
    assert [p.name for p in tmp_path.iterdir()] == ["imgforge.toml"]
    assert target.read_text() == "a = 2\n"


def test_what_came_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "imgforge.toml"
    target.symlink_to("nowhere")
    monkeypatch.setattr(newspec, "demand_free", lambda _: None)
    with pytest.raises(InvalidInputError, match="is there already"):
        newspec.write(target, "a = 1\n", replace=False)
    assert target.is_symlink()
    assert [p.name for p in tmp_path.iterdir()] == ["imgforge.toml"]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="cannot write"):
        newspec.write(tmp_path / "no" / "imgforge.toml", "", replace=True)
