"""A Python project that is installed as its own wheel, with a module in C and a console script."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import docker, imgforge, run

PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "greet"
version = "1.0.0"
license = "Apache-2.0"
requires-python = ">=3.11"
dependencies = ["markupsafe"]

[project.scripts]
greet = "greet.main:main"

[tool.setuptools.packages.find]
where = ["src"]

[tool.setuptools]
ext-modules = [{ name = "greet._fast", sources = ["src/greet/_fast.c"] }]
"""
MODULE = """\
#include <Python.h>
static PyObject *answer(PyObject *self, PyObject *none) { return PyLong_FromLong(42); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, "The answer."}, {0}};
static PyModuleDef_Slot slots[] = {{0, 0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_fast", 0, 0, methods, slots};
PyMODINIT_FUNC PyInit__fast(void) { return PyModuleDef_Init(&module); }
"""
MAIN = """\
import importlib.metadata
import markupsafe
from greet import _fast

def main() -> None:
    print(importlib.metadata.version("greet"), _fast.answer(), markupsafe.escape("<"))
"""
SPEC = """\
[image]
name = "imgforge-test/greet"
tags = ["1.0.0"]
title = "Greet"
licenses = "Apache-2.0"
version = "1.0.0"

[stack]
name = "python"
parameters = { project = true, extension-modules = true }

[app]
source = ["src"]
lock = "uv.lock"
entrypoint = ["/app/bin/greet"]
"""
UV = Path(sys.executable).with_name("uv")
NAME = "imgforge-test/greet:1.0.0"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("greet")
    (folder / "src/greet").mkdir(parents=True)
    (folder / "src/greet/__init__.py").write_text("")
    (folder / "src/greet/main.py").write_text(MAIN)
    (folder / "src/greet/_fast.c").write_text(MODULE)
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "imgforge.toml").write_text(SPEC)
    run(UV, "lock", cwd=folder)
    imgforge("lock", cwd=folder)
    yield folder
    docker("image", "rm", "--force", NAME, code=None)


def test_its_wheel_is_built_offline_and_installed_beside_the_locked(
    engine: str,  # noqa: ARG001 - it builds there
    project: Path,
) -> None:
    said = imgforge("build", "--engine", "buildkit", cwd=project, code=2)
    assert "build-requirements.txt does not exist" in said.stderr
    command = next(line for line in said.stderr.splitlines() if "uv pip compile" in line)
    _, _, mend = command.partition("in its folder: ")
    run("sh", "-c", f'PATH="{UV.parent}:$PATH"; {mend}', cwd=project)
    imgforge("build", "--engine", "buildkit", "--load", cwd=project)
    flags = ("--rm", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
    assert docker("run", *flags, NAME).stdout == "1.0.0 42 &lt;\n"
    asked = ("check", "--format", "json", "--spec", "imgforge.toml", f"docker-daemon:{NAME}")
    (report,) = json.loads(imgforge(*asked, cwd=project).stdout)["subjects"]
    assert report["findings"] == []
    documents = [p.read_text() for p in (project / ".imgforge").rglob("*.spdx.json")]
    assert any("pkg:pypi/greet@1.0.0" in text for text in documents)


def test_no_engine_without_commands_takes_it(project: Path) -> None:
    said = imgforge("build", "--engine", "native", cwd=project, code=None)
    assert said.returncode != 0
    assert "step 'project' runs commands in the builder" in said.stderr
