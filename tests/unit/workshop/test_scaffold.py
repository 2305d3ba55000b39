"""A new stack's folder: whole at once, and never over something that is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from ownstack import NAME, made

from imgforge import project, spec, stack
from imgforge.choice import choose
from imgforge.errors import InvalidInputError
from imgforge.trial import expect
from imgforge.workshop import described, found, rendered, scaffold, tests

ROOT = Path(__file__).parents[3]


def test_it_has_all_that_a_stack_has(tmp_path: Path) -> None:
    folder = made(tmp_path)
    definition = found.open_folder(folder).definition
    assert (definition.name, definition.version) == (NAME, "0.1.0")
    (test,) = tests.of(folder)
    assert expect.read(test).runs
    loaded = project.load(test, stack=found.open_folder(folder))
    assert "unittest" in rendered.dockerfile(loaded.spec, loaded.stack, loaded.choice)


def test_a_copy_takes_templates_tests_and_papers_along(tmp_path: Path) -> None:
    first = made(tmp_path)
    (first / "notes.txt").write_text("no part of a stack\n", encoding="utf-8")
    second = tmp_path / "other"
    names = scaffold.create(second, (found.open_folder(first), first))
    assert names == ["basic"]
    copied = found.open_folder(second)
    assert copied.definition.name == "other"
    assert copied.templates == found.open_folder(first).templates
    assert spec.load(second / "tests/basic/imgforge.toml")[1].stack.name == "other"
    assert "copy of acme-web 0.1.0" in (second / "CHANGELOG.md").read_text(encoding="utf-8")
    assert (second / "README.md").read_text(encoding="utf-8").startswith("# other\n")


def test_a_copy_of_ours_takes_the_examples_along(tmp_path: Path) -> None:
    origin = ROOT / "stacks" / "binary"
    names = scaffold.create(tmp_path / "own", (found.open_folder(origin), origin))
    assert "binary" in names
    assert not (tmp_path / "own/tests/binary/imgforge.lock").exists()


@pytest.mark.parametrize("name", ["Upper", "a b", "-a", "a_b", "ä"])
def test_names_that_no_spec_could_use_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInputError, match="no name for a stack"):
        scaffold.create(tmp_path / name, None)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("there", "link"):
        with pytest.raises(InvalidInputError, match="is there already"):
            scaffold.create(tmp_path / name, None)
    assert list((tmp_path / "there").iterdir()) == []


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path) -> None:
    first = made(tmp_path)
    (first / "tests/basic/imgforge.toml").write_text(
        '[stack]\nname = """\\\nacme-web"""\n', encoding="utf-8"
    )
    before = sorted(tmp_path.iterdir())
    loaded = found.open_folder(first)
    scaffold.create(tmp_path / "odd", (loaded, first))
    text = (tmp_path / "odd/tests/basic/imgforge.toml").read_text(encoding="utf-8")
    assert "acme-web" in text  # written so that it cannot be renamed: lint and test say so
    (first / "tests/basic/imgforge.toml").write_text("[stack]\nname = 'other'\n", encoding="utf-8")
    with pytest.raises(InvalidInputError, match=r"stack\.name is 'other'"):
        scaffold.create(tmp_path / "worse", (loaded, first))
    assert sorted(tmp_path.iterdir()) == [*before, tmp_path / "odd"]


@pytest.mark.parametrize("name", stack.names())
def test_the_spec_to_begin_with_is_valid(name: str) -> None:
    loaded = stack.load(name)
    value = described.describe(loaded)
    data = value["spec"].encode()
    choice = choose(loaded, spec.parse(data), data, "imgforge.toml")
    assert choice.entrypoint
    assert not any("{{" in line or "{%" in line for line in described.lines(value))
    assert "\n".join(described.lines(value)).startswith(f"{name} ")
    assert set(value["parameters"]) == set(loaded.definition.parameters)


def test_blocks_that_can_be_overridden_are_shown(tmp_path: Path) -> None:
    value = described.describe(found.open_folder(made(tmp_path)))
    assert value["stages"][0]["blocks"] == ["build.build", "build.check"]
    assert any("can be overridden: build.build, build.check" in t for t in described.lines(value))
