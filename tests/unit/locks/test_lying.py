from __future__ import annotations

from pathlib import Path

from imgforge import locks


def test_what_is_called_like_a_lock(tmp_path: Path) -> None:
    for name in ("a/uv.lock", "dev-requirements.txt", "requirements.txt"):
        assert locks.known(name)
    for name in ("imgforge.lock", "notes.txt", "go.sum"):
        assert not locks.known(name)
    assert locks.ecosystem("a/Cargo.lock") == "cargo"
    assert not locks.ecosystem("notes.txt")
    (tmp_path / "web/yarn.lock").parent.mkdir()
    for name in ("go.mod", "go.sum", "poetry.lock", "web/yarn.lock", "web/notes.lock"):
        (tmp_path / name).write_text("")
    assert locks.lying(tmp_path) == ["go.mod", "go.sum", "poetry.lock"]
    assert locks.lying(tmp_path, "web") == ["web/yarn.lock"]
    assert locks.lying(tmp_path, "none") == []


def test_go_mod_takes_its_hashes_from_go_sum(tmp_path: Path) -> None:
    value = "h1:" + "A" * 43 + "="
    (tmp_path / "go.mod").write_text("module example.test/demo\nrequire a v1.0.0\n")
    assert locks.load(tmp_path, "go.mod").entries[0].hashes == ()
    (tmp_path / "go.sum").write_text(f"a v1.0.0 {value}\n")
    found = locks.load(tmp_path, "go.mod")
    assert found.entries[0].hashes == (value,)
    assert found.own == ("stdlib", "example.test/demo")
