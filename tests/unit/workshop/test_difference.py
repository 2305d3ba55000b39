"""What a new version changes: in words, and in the Dockerfiles."""

from __future__ import annotations

from pathlib import Path

import pytest
from ownstack import TEMPLATE, change, made

from imgforge.workshop import difference, found, tests
from imgforge.workshop.difference import Difference


def compare(old: Path, new: Path) -> Difference:
    stacks = [found.open_folder(folder) for folder in (old, new)]
    return difference.compare(stacks[0], stacks[1], tests.of(new), new)


def changed(tmp_path: Path, *, to: str = "0.2.0", **changes: tuple[str, str]) -> Difference:
    old, new = made(tmp_path / "old"), made(tmp_path / "new", **changes)
    change(new / "stack.toml", 'version = "0.1.0"', f'version = "{to}"')
    return compare(old, new)


def test_the_same_is_the_same(tmp_path: Path) -> None:
    found_ = compare(made(tmp_path / "old"), made(tmp_path / "new"))
    assert found_.same
    assert list(found_.dockerfiles.values()) == [""]


@pytest.mark.parametrize(
    ("old", "new", "text", "breaks"),
    [
        ("default = true", "default = false", "parameter tests: default: true → false", False),
        ("[parameters.tests]", "[parameters.check]", "parameter tests: removed", True),
        ("[parameters.tests]", "[parameters.check]", "parameter check: added, default true", False),
        (
            'runtime = "python-3.13"',
            'runtime = "python-3.11"',
            'version 3.13: runtime: "python-3.13" → "python-3.11"',
            False,
        ),
        ("[runtime.env]", '[runtime.env]\nA = "1"', 'runtime.env.A: none → "1"', False),
        ('lock = "none"', 'lock = "none"\nrequires = ["x"]', 'requires: [] → ["x"]', True),
    ],
)
def test_changes_of_the_definition_in_words(
    tmp_path: Path,
    old: str,
    new: str,
    text: str,
    breaks: bool,  # noqa: FBT001
) -> None:
    changes = changed(tmp_path, toml=(old, new)).changes
    assert (text, breaks) in [(c.text, c.breaks) for c in changes]


def test_dockerfiles_and_changelog(tmp_path: Path) -> None:
    found_ = changed(
        tmp_path,
        template=("mkdir -p /out;", "mkdir -p /out; true;"),
        changelog=("## 0.1.0", "## 0.2.0\n\n- It is better.\n\n## 0.1.0"),
    )
    assert found_.changelog == ("## 0.2.0", "- It is better.")
    assert f"template {TEMPLATE}: changed" in [c.text for c in found_.changes]
    (text,) = found_.dockerfiles.values()
    assert "+    mkdir -p /out; true; \\\n" in text
    assert "+++ acme-web@0.2.0\n" in text
    assert any(line.startswith("+    mkdir") for line in difference.lines(found_))


def test_a_version_that_says_too_little_is_told(tmp_path: Path) -> None:
    toml = ("[parameters.tests]", "[parameters.check]")
    texts = [c.text for c in changed(tmp_path / "a", to="0.1.1", toml=toml).changes]
    assert "0.1.0 → 0.1.1 says that nothing breaks, and something does" in texts
    texts = [c.text for c in changed(tmp_path / "b", to="0.1.0", toml=toml).changes]
    assert "the version is 0.1.0 as before, though something changed" in texts


def test_a_spec_that_one_version_refuses_is_told(tmp_path: Path) -> None:
    old, new = made(tmp_path / "old"), made(tmp_path / "new")
    change(new / "tests/basic/imgforge.toml", "[app]", "[stack.parameters]\nmore = true\n\n[app]")
    (reason,) = compare(old, new).broken.values()
    assert "unknown parameter" in reason
