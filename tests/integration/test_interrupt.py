"""Killed at any moment, a build leaves the old result or the new one, and the next one works."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running import Key, copy_example, imgforge

COMMAND = Path(sys.executable).with_name("imgforge")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, key: Key) -> Path:
    """Return an example that was built once."""
    folder = copy_example("python-web", tmp_path_factory.mktemp("kill") / "python-web")
    imgforge("build", "--engine", "native", "--key", key.private, cwd=folder, env=key.env)
    return folder


def start(project: Path, key: Key) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [COMMAND, "build", "--engine", "native", "--key", key.private],
        cwd=project,
        env={**os.environ, **key.env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def state(project: Path, key: Key) -> str:
    """Verify whatever is there, deeply; return its digest."""
    done = imgforge("verify", "--key", key.public, "--format", "json", cwd=project)
    record = json.loads((project / ".imgforge/build.json").read_text())
    digest = str(json.loads(done.stdout)["images"][0]["digest"])
    assert record["image"]["digest"] == digest
    return digest


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_killed_build_leaves_old_or_new(
    project: Path, key: Key, sent: signal.Signals, tmp_path: Path
) -> None:
    copy = tmp_path / "project"
    shutil.copytree(project, copy, symlinks=True)
    source = copy / "notes" / "app.py"
    known = {state(copy, key)}
    for number in range(12):
        source.write_text(source.read_text() + f"# {number}\n")
        child = start(copy, key)
        time.sleep(0.04 * (number + 1))
        child.send_signal(sent)
        code = child.wait(30)  # fails if an interrupt was lost and nothing ended it
        after = state(copy, key)
        if code == 0:
            known = {after}
        assert after in known or code != 0
        known.add(after)
    imgforge("build", "--engine", "native", "--key", key.private, cwd=copy, env=key.env)
    final = state(copy, key)
    leftovers = [p.name for p in (copy / ".imgforge/builds").iterdir() if p.name.startswith("new-")]
    assert leftovers == []
    fresh = tmp_path / "fresh"
    shutil.copytree(copy, fresh, ignore=shutil.ignore_patterns(".imgforge"))
    imgforge("build", "--engine", "native", "--key", key.private, cwd=fresh, env=key.env)
    assert state(fresh, key) == final


def test_an_interrupted_build_says_so(project: Path, key: Key) -> None:
    source = project / "notes" / "app.py"
    source.write_text(source.read_text() + "# interrupted\n")
    child = start(project, key)
    time.sleep(0.15)
    child.send_signal(signal.SIGINT)
    assert child.wait(30) in {130, 0}
