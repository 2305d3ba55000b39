"""Every example, on every engine: built to one digest, and that run as one would in earnest."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from running import (
    EXAMPLE_NAMES,
    EXAMPLES,
    Example,
    copy_example,
    docker,
    engines_of,
    imgforge,
    run,
    somewhere,
)

from imgforge import project, trial

Built = Callable[[str, str], Example]
TESTED = sorted(p.parent.name for p in EXAMPLES.glob("*/requirements.txt"))


@pytest.fixture(params=somewhere(), ids="-".join)
def example(request: pytest.FixtureRequest, built: Built) -> Example:
    name, engine = request.param
    return built(name, engine)


def test_does_what_is_expected_confined_and_stops_when_asked(example: Example) -> None:
    assert trial.run(example.name, example.expect, lambda _: None) == []


def test_has_no_findings_at_any_severity(example: Example) -> None:
    report = json.loads((example.evidence / "findings.json").read_bytes())
    assert report["findings"] == []


def test_has_no_shell_and_its_files_are_not_its_own(example: Example) -> None:
    for shell in ("/bin/sh", "/bin/bash", "/usr/bin/busybox"):
        said = docker("run", "--rm", "--entrypoint", shell, example.name, "-c", "true", code=None)
        assert said.returncode == 127, said
    config = json.loads(docker("inspect", "--format", "{{json .Config}}", example.name).stdout)
    choice = project.load(example.folder).choice
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == list(choice.entrypoint)


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_builds_again_to_the_same_digest(name: str, built: Built, tmp_path: Path) -> None:
    """On the engine that runs commands, if there is a choice: theirs could differ."""
    engine = next((e for e in engines_of(name) if e != "native"), "native")
    example = built(name, engine)
    again = copy_example(name, tmp_path / "again")
    (again / "imgforge.lock").write_bytes((example.folder / "imgforge.lock").read_bytes())
    out = imgforge(
        *("build", "--engine", engine, "--no-cache", "--format", "json"),
        *("--tag", f"{name}-{engine}"),
        cwd=again,
    )
    assert json.loads(out.stdout)["digest"] == example.digest


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_every_engine_makes_the_same_digest(name: str, built: Built) -> None:
    assert len({built(name, engine).digest for engine in engines_of(name)}) == 1


@pytest.mark.parametrize("name", TESTED)
def test_passes_its_own_tests(name: str, tmp_path: Path) -> None:
    """Run them with the dependencies that the image has, for the Python at hand."""
    venv = tmp_path / "venv"
    uv = Path(sys.executable).with_name("uv")
    run(uv, "venv", "--quiet", "--python", sys.executable, venv)
    run(
        *(uv, "pip", "install", "--quiet", "--require-hashes", "--python", venv / "bin/python"),
        *("--requirements", EXAMPLES / name / "requirements.txt"),
    )
    run(venv / "bin/python", "-m", "unittest", "discover", "tests", cwd=EXAMPLES / name)
