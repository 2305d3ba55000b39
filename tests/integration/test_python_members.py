"""A uv workspace whose members are built by every usual backend, and installed as wheels."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running import docker, imgforge, run

from imgforge.oci.layout import Layout
from imgforge.output import DEFAULT

BACKENDS = {
    "flit": ("flit-core>=3.12,<4", "flit_core.buildapi", ""),
    "hatch": ("hatchling>=1.27", "hatchling.build", ""),
    "pdm": ("pdm-backend>=2.4", "pdm.backend", ""),
    "poetry": ("poetry-core>=2", "poetry.core.masonry.api", ""),
    "setuptools": ("setuptools>=77", "setuptools.build_meta", ""),
    "uv": (
        "uv-build>=0.7,<1",
        "uv_build",
        '[tool.uv.build-backend]\nmodule-name = "by_uv"\nmodule-root = ""\n',
    ),
}
MEMBER = """\
[build-system]
requires = ["{requires}"]
build-backend = "{backend}"

[project]
name = "by-{name}"
version = "1.0.{number}"
description = "One of a workspace"
requires-python = ">=3.11"
dependencies = ["markupsafe"]
{more}"""
ROOT = f"""\
[project]
name = "all"
version = "1.0.0"
requires-python = ">=3.11"
dependencies = {json.dumps([f"by-{name}" for name in BACKENDS])}

[tool.uv.workspace]
members = ["libs/*"]

[tool.uv.sources]
{"".join(f"by-{name} = {{ workspace = true }}{chr(10)}" for name in BACKENDS)}"""
MAIN = f"""\
import importlib, importlib.metadata
for name in {list(BACKENDS)!r}:
    module = importlib.import_module(f"by_{{name}}")
    print(name, importlib.metadata.version(f"by-{{name}}"), module.SAID)
"""
SPEC = """\
[image]
name = "imgforge-test/all"
tags = ["1.0.0"]
title = "All"
licenses = "Apache-2.0"
version = "1.0.0"

[stack]
name = "python"
PARAMETERS

[app]
source = ["main.py"]
lock = "uv.lock"
entrypoint = ["/usr/bin/python3", "/app/main.py"]
"""
SOURCE = 'import markupsafe\n\nSAID = markupsafe.escape("<")\n'
UV = Path(sys.executable).with_name("uv")
NAME = "imgforge-test/all:1.0.0"
BUILD = ("build", "--engine", "buildkit")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("all")
    (folder / "pyproject.toml").write_text(ROOT)
    (folder / "main.py").write_text(MAIN)
    for number, (name, (requires, backend, more)) in enumerate(BACKENDS.items()):
        package = folder / f"libs/{name}/by_{name}"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(SOURCE)
        said = {"requires": requires, "backend": backend, "more": more}
        text = MEMBER.format(name=name, number=number, **said)
        (package.parent / "pyproject.toml").write_text(text)
    (folder / "imgforge.toml").write_text(SPEC.replace("PARAMETERS", ""))
    run(UV, "lock", cwd=folder)
    imgforge("lock", cwd=folder)
    yield folder
    docker("image", "rm", "--force", NAME, code=None)


def manifest(folder: Path) -> dict[str, Any]:
    layout = Layout.open(folder / DEFAULT / "image")
    (image,) = layout.images(layout.index()[0])
    return layout.read_json(image)


def test_members_are_built_offline_beside_the_locked_and_change_alone(
    engine: str,  # noqa: ARG001 - it builds there
    project: Path,
) -> None:
    said = imgforge(*BUILD, cwd=project, code=2)
    _, _, wanted = said.stderr.partition("[stack.parameters] ")
    spec = SPEC.replace("PARAMETERS", f"parameters = {{ {wanted.strip()} }}")
    (project / "imgforge.toml").write_text(spec)
    said = imgforge(*BUILD, cwd=project, code=2)
    _, _, mend = said.stderr.partition("in its folder: ")
    run("sh", "-c", f'PATH="{UV.parent}:$PATH"; {mend}', cwd=project)

    imgforge(*BUILD, "--load", cwd=project)
    first = manifest(project)
    flags = ("--rm", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
    shown = "".join(f"{name} 1.0.{number} &lt;\n" for number, name in enumerate(BACKENDS))
    assert docker("run", *flags, NAME).stdout == shown
    asked = ("check", "--format", "json", "--spec", "imgforge.toml", f"docker-daemon:{NAME}")
    (report,) = json.loads(imgforge(*asked, cwd=project).stdout)["subjects"]
    assert report["findings"] == []
    documents = [p.read_text() for p in (project / ".imgforge").rglob("*.spdx.json")]
    for number, name in enumerate(BACKENDS):
        assert any(f"pkg:pypi/by-{name}@1.0.{number}" in text for text in documents)

    changed = project / "libs/flit/by_flit/__init__.py"
    changed.write_text(SOURCE + "more = 1\n")
    imgforge(*BUILD, cwd=project)
    second = manifest(project)
    differ = [a != b for a, b in zip(first["layers"], second["layers"], strict=True)]
    assert sum(differ) == 1

    # The backends take no time from the clock or the sources: every wheel is the same again.
    changed.write_text(SOURCE)
    for path in project.glob("libs/*/by_*/*.py"):
        os.utime(path, (10**9, 10**9))
    imgforge(*BUILD, "--no-cache", cwd=project)
    assert manifest(project) == first
