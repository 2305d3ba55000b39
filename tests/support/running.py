"""Running programs, engines and examples: what the integration tests share.

Nothing is skipped: what is missing is an error that says how it is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "examples"


def tool(name: str) -> str:
    """Return the path of a program that ``dev/tools`` installs; fail if it is not there."""
    found = shutil.which(name, path=f"{ROOT / '.dev/judges/bin'}:{os.environ['PATH']}")
    if found is None:
        pytest.fail(f"{name} is missing; dev/tools installs it")
    return found


def run(
    *argv: str | Path, cwd: Path = ROOT, env: Mapping[str, str] | None = None, code: int | None = 0
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; fail with all that it said if its exit code is not ``code``."""
    done = subprocess.run(
        [str(part) for part in argv],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if code is not None and done.returncode != code:
        pytest.fail(f"{argv} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done


def imgforge(
    *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None, code: int | None = 0
) -> subprocess.CompletedProcess[str]:
    """Run the ``imgforge`` command of this environment."""
    command = Path(sys.executable).with_name("imgforge")
    return run(command, *arguments, cwd=cwd, env=env, code=code)


def docker(*arguments: str | Path, code: int | None = 0) -> subprocess.CompletedProcess[str]:
    """Run the ``docker`` command against the engine that the tests use."""
    return run(tool("docker"), *arguments, code=code)


@dataclass(frozen=True, slots=True)
class Key:
    """A key pair of imgforge's making, and the environment that unlocks it."""

    private: Path
    public: Path
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Example:
    """A copy of an example, built and loaded into the engine as ``name``."""

    folder: Path
    spec: Mapping[str, Any]
    expect: Mapping[str, Any]
    name: str
    result: Mapping[str, Any]

    @property
    def layout(self) -> Path:
        """The OCI layout."""
        return self.folder / ".imgforge" / "image"

    @property
    def evidence(self) -> Path:
        """The folder of SBOMs, provenance, findings and bundles."""
        return self.folder / ".imgforge" / "evidence"

    @property
    def digest(self) -> str:
        """The image's digest."""
        return str(self.result["digest"])


EXAMPLE_NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/imgforge.toml"))


def copy_example(name: str, folder: Path) -> Path:
    """Copy an example as a clone has it, prepare and lock it; return the copy.

    Locked anew: archives drop packages that were superseded, and a committed lock keeps them.
    """
    ignored = shutil.ignore_patterns(".imgforge", "__pycache__", "server")
    shutil.copytree(EXAMPLES / name, folder, ignore=ignored)
    expect = tomllib.loads((folder / "expect.toml").read_text(encoding="utf-8"))
    if "prepare" in expect:
        run(*expect["prepare"], cwd=folder)
    imgforge("lock", "--upgrade", cwd=folder)
    return folder
