from __future__ import annotations

from pathlib import Path

import pytest

from imgforge import locks
from imgforge.errors import InvalidInputError


def test_locks_of_what_is_there_are_read_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "go.mod").write_text("module example.test/demo\nrequire a v1.0.0\n")
    (tmp_path / "go.sum").write_text("a v1.0.0 h1:" + "A" * 43 + "=\n")
    (tmp_path / "web/yarn.lock").write_text("b@1:\n  version 1.0.0\n")
    (tmp_path / "poetry.lock").write_text("broken")
    (tmp_path / "requirements.txt").write_text("c==1\n")

    def names(*ecosystems: str, taken: tuple[str, ...] = ()) -> list[str]:
        return [found.path for found in locks.beside(tmp_path, ["web", "."], ecosystems, taken)]

    assert names() == []
    assert names("golang", "npm") == ["go.mod", "web/yarn.lock"]
    (found,) = locks.beside(tmp_path, [], ["golang"], [])
    assert found.entries[0].hashes == ("h1:" + "A" * 43 + "=",)
    # One that tells of what is there, and cannot be read, is an error.
    with pytest.raises(InvalidInputError, match=r"^poetry\.lock:1: "):
        names("pypi")
    assert names("pypi", taken=("poetry.lock",)) == ["requirements.txt"]
    assert locks.lying(tmp_path) == ["go.mod", "go.sum", "poetry.lock", "requirements.txt"]


def test_what_is_called_like_a_lock() -> None:
    assert [
        n for n in ("a/uv.lock", "dev-requirements.txt", "imgforge.lock") if locks.known(n)
    ] == [
        "a/uv.lock",
        "dev-requirements.txt",
    ]
    assert locks.ecosystem("a/Cargo.lock") == "cargo"
    assert not locks.ecosystem("notes.txt")
