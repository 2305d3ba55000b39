"""A system library that is named once: the builder compiles against it, the image has it alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from running import docker, imgforge

from imgforge import lock as locks

SPEC = """\
[image]
name = "imgforge-test/postgres"
title = "Postgres"
licenses = "Apache-2.0"
version = "1"

[stack]
name = "python"
packages = ["libpq5"]
parameters = { allow-source-builds = true }

[app]
source = ["app"]
lock = "requirements.txt"
entrypoint = ["/usr/bin/python3", "-m", "app"]
"""
PROGRAM = """\
import os, sys, psycopg2
assert psycopg2.__libpq_version__ == psycopg2.extensions.libpq_version()
print([p for p in ("/usr/include", "/usr/bin/gcc", "/usr/bin/pg_config") if os.path.exists(p)])
"""


@pytest.mark.usefixtures("engine")
def test_an_extension_is_compiled_against_the_library_that_the_image_has(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/__main__.py").write_text(PROGRAM)
    (tmp_path / "imgforge.toml").write_text(SPEC)
    here = Path(__file__).with_name("psycopg-requirements.txt")
    shutil.copy(here, tmp_path / "requirements.txt")
    said = imgforge("lock", "--format", "json", cwd=tmp_path)
    runtime, builder = json.loads(said.stdout)["bases"]
    assert "libpq5" in runtime["added"]
    assert "libpq-dev" not in runtime["added"]
    assert {"libpq5", "libpq-dev"} <= set(builder["added"])
    lock = locks.read(tmp_path / "imgforge.lock")
    assert (lock.inputs.builder, lock.inputs.compiles) == ("python-3.13-cc-dev", "yes")

    imgforge("build", "--engine", "buildkit", "--load", cwd=tmp_path)
    flags = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
    name = "imgforge-test/postgres:latest"
    try:
        assert docker("run", "--rm", *flags, name).stdout == "[]\n"
    finally:
        docker("image", "rm", "--force", name)
