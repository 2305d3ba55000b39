"""A team's own stack on a real engine: new, lint, test, and a test that must fail."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from running import ROOT, imgforge, tool

from imgforge.dockerfile import hadolint

ENGINE = ("--engine", "buildkit")


@pytest.fixture(scope="module")
def own(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001 - it builds
    folder = tmp_path_factory.mktemp("own") / "acme-web"
    imgforge("stack", "new", folder, cwd=folder.parent)
    return folder


def test_a_new_stack_lints_with_hadolint(own: Path) -> None:
    path = str(Path(tool(hadolint.PROGRAM)).parent)
    done = imgforge("stack", "lint", own, cwd=own, env={"PATH": f"{path}:/usr/bin:/bin"})
    assert "hadolint is not installed" not in done.stderr


def test_a_new_stack_tests_green_and_a_wrong_expectation_red(own: Path) -> None:
    done = imgforge("stack", "test", own, *ENGINE, "--format", "json", cwd=own)
    (outcome,) = json.loads(done.stdout)
    assert outcome["passed"]
    assert outcome["digest"].startswith("sha256:")
    expect = own / "tests/basic/expect.toml"
    text = expect.read_text(encoding="utf-8")
    expect.write_text(text.replace("Hello, Ada", "Goodbye, Ada"), encoding="utf-8")
    done = imgforge("stack", "test", own, *ENGINE, "--format", "json", cwd=own, code=10)
    (outcome,) = json.loads(done.stdout)
    assert "Goodbye" in outcome["failures"][0]
    expect.write_text(text, encoding="utf-8")


def test_an_application_whose_tests_fail_is_no_image(own: Path) -> None:
    program = own / "tests/basic/app/__main__.py"
    text = program.read_text(encoding="utf-8")
    program.write_text(text.replace('return f"Hello', 'return f"Bye'), encoding="utf-8")
    done = imgforge("stack", "test", own, *ENGINE, cwd=own, code=10)
    assert "FAILED  basic on buildkit" in done.stdout
    assert "unittest discover" in done.stdout
    assert "exit code: 1" in done.stdout
    program.write_text(text, encoding="utf-8")


def test_an_example_serves_as_a_test_of_ours(engine: str) -> None:  # noqa: ARG001 - it is loaded
    done = imgforge(
        *("stack", "test", ROOT / "stacks/binary", "--only", "binary", "--engine", "native"),
        "--upgrade",
        cwd=ROOT,
    )
    assert done.stdout.startswith("passed  binary on native")
