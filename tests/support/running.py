"""Running programs, engines and examples: what the integration tests share.

Nothing is skipped: what is missing is an error that says how it is installed.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imgforge import compiled, engines
from imgforge.engines import native
from imgforge.trial import expect
from imgforge.trial.expect import Expectation

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
    expect: Expectation
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


@functools.cache
def engines_of(name: str) -> tuple[str, ...]:
    """Return the engines that build an example: all, or those that its plan and it allow.

    The native engine comes first where it can: it is the quickest. The others stand as ``auto``
    tries them.
    """
    wanted = expect.read(EXAMPLES / name).engines or list(engines.ENGINES)
    plan = compiled.load(EXAMPLES / name / "imgforge.toml").plan
    able = [e for e in wanted if e != native.NAME or not native.unable(plan)]
    order = [native.NAME, *(name for name in engines.ENGINES if name != native.NAME)]
    return tuple(name for name in order if name in able)


def somewhere() -> list[tuple[str, str]]:
    """Return each example with one engine, and one example with all of its engines.

    For what does not depend on the engine: that all make the same digest is shown once.
    """
    model = "python-web"
    others = [(name, engines_of(name)[0]) for name in EXAMPLE_NAMES if name != model]
    return [*((model, engine) for engine in engines_of(model)), *others]


def copy_committed(name: str, folder: Path) -> Path:
    """Copy an example as a clone has it; return the copy."""
    shown = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--")
    for file in filter(None, run(*shown, ".", cwd=EXAMPLES / name).stdout.split("\0")):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(EXAMPLES / name / file, folder / file, follow_symlinks=False)
    return folder


def copy_example(name: str, folder: Path) -> Path:
    """Copy an example as a clone has it, prepare and lock it; return the copy.

    Locked anew: archives drop packages that were superseded, and a committed lock keeps them.
    """
    copy_committed(name, folder)
    expect.prepare(expect.read(folder), folder)
    imgforge("lock", "--upgrade", cwd=folder)
    return folder
