"""What a stored build's key covers besides the project's own files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from imgforge import freshness, project
from imgforge.errors import InvalidInputError


@pytest.fixture
def key(make_project: Callable[..., project.Project]) -> Callable[[Path], str]:
    root = make_project().root

    def made(policy: Path) -> str:
        asked = freshness.Choices("native", (), None, policy, None, ())
        return freshness.key("spec", root, "content", "python@1", asked)

    return made


def test_the_keys_that_a_policy_names_decide_too(
    key: Callable[[Path], str], tmp_path: Path
) -> None:
    policy, public = tmp_path / "policy.toml", tmp_path / "base.pub"
    policy.write_text('[[bases.trust]]\nmatch = "*"\nkey = "base.pub"\n')
    public.write_text("one")
    before = key(policy)
    assert key(policy) == before
    public.write_text("another")
    assert key(policy) != before
    public.unlink()
    with pytest.raises(InvalidInputError, match="cannot read"):
        key(policy)


def test_the_day_decides_where_an_exemption_ends(
    key: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(
        '[[bases.trust]]\nmatch = "*"\nexempt = "x"\nowner = "y"\nexpires = 2999-01-01\n'
    )
    before = key(policy)
    monkeypatch.setattr(freshness, "_today", lambda: "2999-01-02")
    assert key(policy) != before
