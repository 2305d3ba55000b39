"""Every example, on every engine: built, then run as one would run it in earnest."""

from __future__ import annotations

import http.client
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from running import EXAMPLE_NAMES, EXAMPLES, Example, copy_example, docker, imgforge, run

Built = Callable[[str, str], Example]
ENGINES = ("native", "buildkit")
TESTED = sorted(p.parent.name for p in EXAMPLES.glob("*/requirements.txt"))


@pytest.fixture(params=[(e, n) for n in EXAMPLE_NAMES for e in ENGINES], ids="-".join)
def example(request: pytest.FixtureRequest, built: Built) -> Example:
    engine, name = request.param
    return built(name, engine)


def flags(example: Example, secrets: Path) -> list[str]:
    """Return what ``docker run`` needs: nothing is writable but what the spec declares."""
    wanted = example.spec.get("run", {})
    out = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    out += ["--tmpfs", "/tmp", "--publish", f"127.0.0.1::{example.expect['port']}"]
    for path in wanted.get("writable", []):
        # A volume begins as the image has the directory: its owner is part of the test.
        out += ["--mount", f"type=volume,destination={path}"]
    for name in wanted.get("secrets", []):
        file = secrets / name
        file.write_text(example.expect["secrets"][name], encoding="utf-8")
        file.chmod(0o444)
        out += ["--mount", f"type=bind,source={file},destination=/run/secrets/{name},readonly"]
    return out


@contextmanager
def container(example: Example, secrets: Path) -> Iterator[str]:
    env = [f"--env={name}={value}" for name, value in example.expect.get("env", {}).items()]
    name = docker("run", "--detach", *flags(example, secrets), *env, example.name).stdout.strip()
    try:
        yield name
    finally:
        docker("rm", "--force", "--volumes", name)


def published(name: str, port: int) -> int:
    return int(docker("port", name, str(port)).stdout.splitlines()[0].rpartition(":")[2])


def ask(port: int, probe: Mapping[str, Any], known: Mapping[str, str]) -> tuple[int, str]:
    """Send a probe; ``{name}`` in its path and headers stands for what an earlier one found."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        headers = {k: v.format(**known) for k, v in probe.get("headers", {}).items()}
        body = None
        if "json" in probe:
            body = json.dumps(probe["json"])
            headers["Content-Type"] = "application/json"
        method = probe.get("method", "GET")
        connection.request(method, probe["path"].format(**known), body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def wait_until_well(name: str, port: int, example: Example) -> None:
    """Ask the image's own health check, inside, until it agrees, and HTTP from outside."""
    end = time.monotonic() + 20
    while True:
        health = docker("exec", name, *example.spec["health"]["command"], code=None)
        if health.returncode == 0:
            ask(port, example.expect["probes"][0], {})
            return
        if time.monotonic() > end:
            pytest.fail(f"{example.name} is not well: {health}\n{docker('logs', name).stdout}")
        time.sleep(0.1)


def test_runs_confined_answers_and_stops_when_asked(example: Example, tmp_path: Path) -> None:
    known: dict[str, str] = {}
    with container(example, tmp_path) as name:
        port = published(name, example.expect["port"])
        wait_until_well(name, port, example)
        for probe in example.expect["probes"]:
            status, body = ask(port, probe, known)
            found = re.search(probe["body"], body)
            assert (status, bool(found)) == (probe["status"], True), (probe, status, body)
            known |= found.groupdict() if found else {}

        start = time.monotonic()
        docker("stop", "--timeout", "10", name)
        assert time.monotonic() - start < 3
        state = json.loads(docker("inspect", "--format", "{{json .State}}", name).stdout)
        assert state["ExitCode"] in {0, 143}
        assert not state["OOMKilled"]

        said = docker("logs", name)
        logs = said.stdout + said.stderr
        assert re.search(example.expect["log"], logs), logs
        assert "Traceback" not in logs
        for value in example.expect.get("secrets", {}).values():
            assert value not in logs


def test_says_what_it_needs_when_run_without_it(example: Example, tmp_path: Path) -> None:
    if "refuses" in example.expect:
        said = docker("run", "--rm", *flags(example, tmp_path), example.name, code=None)
        assert said.returncode not in {0, 125}
        assert example.expect["refuses"] in said.stderr
    else:
        assert not example.spec.get("run", {}).get("required-env")


def test_has_no_shell_and_its_files_are_not_its_own(example: Example) -> None:
    for shell in ("/bin/sh", "/bin/bash", "/usr/bin/busybox"):
        said = docker("run", "--rm", "--entrypoint", shell, example.name, "-c", "true", code=None)
        assert said.returncode == 127, said
    config = json.loads(docker("inspect", "--format", "{{json .Config}}", example.name).stdout)
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == example.spec["app"]["entrypoint"]


def test_builds_again_to_the_same_digest(example: Example, tmp_path: Path) -> None:
    engine = example.result["engine"]
    again = copy_example(example.folder.name, tmp_path / "again")
    (again / "imgforge.lock").write_bytes((example.folder / "imgforge.lock").read_bytes())
    out = imgforge(
        *("build", "--engine", engine, "--no-cache", "--format", "json"),
        *("--tag", f"test-{engine}"),
        cwd=again,
    )
    assert json.loads(out.stdout)["digest"] == example.digest


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_every_engine_makes_the_same_digest(name: str, built: Built) -> None:
    assert len({built(name, engine).digest for engine in ENGINES}) == 1


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
