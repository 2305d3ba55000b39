"""The wheel, installed outside the checkout, renders what the checkout renders."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import uv
from running import EXAMPLE_NAMES, EXAMPLES, ROOT, run

GOLDEN = ROOT / "tests" / "golden" / "examples"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(uv.find_uv_bin(), "build", "--quiet", "--wheel", "--out-dir", folder, ROOT)
    return next(folder.glob("imgforge-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into an environment of its own; return its command."""
    folder = tmp_path_factory.mktemp("installed")
    binary = uv.find_uv_bin()
    run(binary, "venv", "--quiet", "--python", sys.executable, folder / "venv")
    python = folder / "venv" / "bin" / "python"
    run(binary, "pip", "install", "--quiet", "--python", python, wheel)
    return folder / "venv" / "bin" / "imgforge"


def test_the_wheel_holds_the_data_folders(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for name in (
        "templates/Dockerfile.j2",
        "stacks/python/stack.toml",
        "stacks/python/dependencies.Dockerfile.j2",
        "stacks/binary/stack.toml",
        "bases/static.toml",
    ):
        assert f"imgforge/_assets/{name}" in names
    assert not any(name.startswith(("tests/", "bench/", "examples/")) for name in names)


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_every_example_renders_as_its_golden(installed: Path, name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [installed, "render", EXAMPLES / name],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == (GOLDEN / name / "Dockerfile").read_text(encoding="utf-8")
