"""The lock of what a project's own wheel is built with, held against its pyproject.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgforge.errors import InvalidInputError
from imgforge.hashed import backend, wheels
from imgforge.oci.types import Platform
from imgforge.plan import Fill

AMD64 = Platform("linux", "amd64")
HASH = " --hash=sha256:" + "a" * 64 + "\n"
PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.20", "old ; python_version < '3.12'"]
[project]
name = "Greet"
version = "1.5"
"""
PINS = "hatchling==1.27.0" + HASH


def prepared(
    root: Path, pyproject: str = PYPROJECT, pins: str | None = PINS, version: str = ""
) -> dict[str, bytes]:
    (root / "api").mkdir()
    (root / "api/pyproject.toml").write_text(pyproject)
    if pins is not None:
        (root / "api/build.txt").write_text(pins)
    told = {"lock": "api/uv.lock", "python": "3.13"}
    told |= {"manager": "uv", "project": "true", "members": "[]"}
    told |= {"build-lock": "build.txt", "project-version": version}
    return backend.prepare(Fill("backend", told), AMD64, root)


def test_a_lock_that_fits_is_prepared_as_it_is(tmp_path: Path) -> None:
    assert prepared(tmp_path) == {"requirements.txt": PINS.encode()}


@pytest.mark.parametrize(
    ("pins", "said"),
    [
        ("hatchling==1.19" + HASH, "hatchling>=1.20 is asked for, 1.19 is locked"),
        ("other==1" + HASH, "hatchling>=1.20 is not locked"),
        ("hatchling==1.27.0\n", "hatchling has no hash"),
        ("hatchling>=1.27.0" + HASH, "hatchling>=1.20 is not locked"),
        ("hatchling==1.27.0 ; python_version < '3'" + HASH, "hatchling>=1.20 is not locked"),
    ],
)
def test_a_lock_that_does_not_fit_names_the_command_that_mends_it(
    tmp_path: Path, pins: str, said: str
) -> None:
    with pytest.raises(InvalidInputError, match="does not fit") as caught:
        prepared(tmp_path, pins=pins)
    assert said in caught.value.details
    assert "uv pip compile --universal --python-version 3.13" in (caught.value.hint or "")
    assert "'hatchling>=1.20'" in (caught.value.hint or "")


def test_a_lock_that_is_missing_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"api/build\.txt does not exist") as caught:
        prepared(tmp_path, pins=None)
    assert "-o build.txt -" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "pyproject", ['[project]\nname = "greet"\n', '[build-system]\nrequires = ["hatchling"]\n']
)
def test_what_is_no_project_with_a_build_system_is_refused(tmp_path: Path, pyproject: str) -> None:
    with pytest.raises(InvalidInputError, match="needed to build its wheel"):
        prepared(tmp_path, pyproject)


def test_a_requirement_that_is_none_is_named(tmp_path: Path) -> None:
    text = PYPROJECT.replace("hatchling>=1.20", "no such!")
    with pytest.raises(InvalidInputError) as caught:
        prepared(tmp_path, text)
    assert "'no such!' of build-system.requires is no requirement" in caught.value.details


def test_a_version_from_tags_must_be_told(tmp_path: Path) -> None:
    text = PYPROJECT.replace('version = "1.5"', 'dynamic = ["version"]')
    text = text.replace('"hatchling>=1.20"', '"hatchling>=1.20", "hatch-vcs"')
    pins = PINS + "hatch-vcs==0.5" + HASH
    with pytest.raises(InvalidInputError, match="hatch-vcs") as caught:
        prepared(tmp_path, text, pins)
    assert "project-version" in (caught.value.hint or "")
    (tmp_path / "other").mkdir()
    assert prepared(tmp_path / "other", text, pins, "1.2.3") == {"requirements.txt": pins.encode()}


def test_the_project_is_what_its_wheel_installs(tmp_path: Path) -> None:
    prepared(tmp_path)
    found = wheels.declares(Fill("project", {"lock": "api/uv.lock"}), AMD64, tmp_path)
    assert found.path == "api/pyproject.toml"
    assert [(entry.key, entry.ecosystem) for entry in found.entries] == [("greet@1.5", "pypi")]
