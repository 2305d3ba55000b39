from __future__ import annotations

from pathlib import Path

import pytest

from imgforge.dockerfile.context import LARGEST, Context, look
from imgforge.errors import InvalidInputError


@pytest.mark.parametrize(
    ("patterns", "sent", "kept"),
    [
        ((), [".git", "a"], []),
        ((".git",), ["a"], [".git"]),
        (("*", "!a"), ["a"], [".git", "b"]),
        (("**/.env", "b/"), ["a"], [".env", "b"]),
        ((".git", "!.git", "/a"), [".git"], ["a"]),
        (("./.git", "."), [], [".git"]),
    ],
)
def test_the_last_pattern_decides(
    patterns: tuple[str, ...], sent: list[str], kept: list[str]
) -> None:
    context = Context(frozenset(), patterns)
    assert [name for name in (*sent, *kept) if context.sends(name)] == sent


def test_a_folder_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert look(tmp_path) == Context(frozenset({".git"}))
    (tmp_path / ".dockerignore").write_text("# no\n\n .git \n")
    assert look(tmp_path) == Context(frozenset({".git", ".dockerignore"}), (".git",))


def test_a_dockerfiles_own_patterns_go_first(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("a\n")
    (tmp_path / "x.Dockerfile.dockerignore").write_text("b\n")
    found = look(tmp_path, tmp_path / "x.Dockerfile")
    assert (found.ignore, found.ignore_file) == (("b",), "x.Dockerfile.dockerignore")


def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError):
        look(tmp_path / "nothing")
    (tmp_path / ".dockerignore").write_bytes(b"a\n" * LARGEST)
    with pytest.raises(InvalidInputError, match="over"):
        look(tmp_path)
