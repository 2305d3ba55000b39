"""What a stored build's key covers besides the project's own files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from madepolicy import organisation_in

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


@pytest.mark.parametrize("text", ["", "[budget]\nage = 30\n", "allow-package-manager = true\n"])
def test_the_day_decides_whatever_the_policy_says(
    key: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """A distribution's support ends on a day that no policy names."""
    policy = tmp_path / "policy.toml"
    policy.write_text(text)
    before = key(policy)
    assert key(policy) == before
    monkeypatch.setattr(freshness, "_today", lambda: "2999-01-02")
    assert key(policy) != before


def test_what_is_known_of_malware_decides_too(
    key: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, known = tmp_path / "policy.toml", tmp_path / "known"
    policy.write_text("")
    before = key(policy)
    known.write_text("0" * 64 + "\n")
    monkeypatch.setenv("IMGFORGE_MALWARE_HASHES", str(known))
    listed = key(policy)
    assert listed != before
    known.write_text("1" * 64 + "\n")
    assert key(policy) not in {before, listed}


def test_the_commit_that_the_files_are_of_decides_too(
    key: Callable[[Path], str], tmp_path: Path
) -> None:
    """The same files may be of a later commit, and the stored provenance names the earlier one."""
    policy = tmp_path / "policy.toml"
    policy.write_text("")
    keys = [key(policy)]
    repository = tmp_path / ".git"
    repository.mkdir()
    (repository / "HEAD").write_text("ref: refs/heads/main\n")
    assert key(policy) == keys[0], "it has no commit yet"
    (repository / "refs/heads").mkdir(parents=True)
    for commit in ("a", "b"):
        (repository / "refs/heads/main").write_text(commit * 40 + "\n")
        keys.append(key(policy))
    (repository / "config").write_text('[remote "origin"]\n\turl = https://example.com/acme/web\n')
    keys.append(key(policy))
    assert len(set(keys)) == len(keys)


def test_all_that_pins_the_organisations_policy_decides_too(
    make_project: Callable[..., project.Project], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_project().root
    asked = freshness.Choices("native", (), None, None, None, ())
    org = organisation_in(tmp_path, monkeypatch)
    for name, value in org.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("IMGFORGE_CONFIG", raising=False)

    def made() -> str:
        return freshness.key("spec", root, "content", "python@1", asked)

    keys = [made()]
    org.write('fail-on = "low"\n')
    bundle = org.sign()
    org.pin("key")
    keys += [made(), made()]
    assert keys[1] == keys[2]
    org.pin("key", "digest")
    keys.append(made())
    for file in (org.file, bundle, org.folder / "org.pub"):
        file.write_bytes(file.read_bytes() + b"\n")
        keys.append(made())
    assert len(set(keys)) == len(keys) - 1
    bundle.unlink()
    with pytest.raises(InvalidInputError, match="cannot read"):
        made()


def test_locks_beside_the_spec_decide_what_is_said(
    make_project: Callable[..., project.Project],
) -> None:
    root = make_project().root
    asked = freshness.Choices("native", (), None, None, None, ())

    def key() -> str:
        return freshness.key("spec", root, "content", "python@1", asked)

    before = key()
    (root / "go.sum").write_text("one")
    after = key()
    (root / "go.sum").write_text("two")
    assert len({before, after, key()}) == 3
    (root / "notes.lock").write_text("no lock")
    assert len({before, after, key()}) == 3
