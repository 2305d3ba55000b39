"""An engine, registries, a Sigstore, and the examples built: shared by the integration tests."""

from __future__ import annotations

import json
import os
import shutil
import tomllib
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import livesigstore
import pytest
from livesigstore import LiveSigstore
from running import ROOT, Example, Key, copy_example, docker, imgforge, run, tool

from imgforge.trial import expect

HERE = Path(__file__).parent
ENGINE = ROOT / "dev" / "engine"


@pytest.fixture(autouse=True, scope="session")
def _registry_without_signatures() -> Iterator[None]:
    """Take Node.js from npm registries that leave signatures out: many mirrors do.

    That signatures are demanded otherwise, and hold, is shown in tests/unit/bases/test_npm.py.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMGFORGE_NPM_UNSIGNED", "1")
        yield


@pytest.fixture(scope="session")
def engine() -> Iterator[str]:
    """Return DOCKER_HOST of an able engine, set in the environment while the tests run.

    It is this checkout's own where one can be started, and stopped again if it did not run before.
    """
    ours = run(ENGINE, "status", code=None).returncode != 0
    run(ENGINE, "start", "--while", str(os.getpid()))
    try:
        host = run(ENGINE, "env").stdout.strip().removeprefix("DOCKER_HOST=")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DOCKER_HOST", host)
            yield host
    finally:
        if ours:
            run(ENGINE, "stop")


@pytest.fixture(scope="session")
def registry_image(engine: str, tmp_path_factory: pytest.TempPathFactory) -> str:  # noqa: ARG001
    """Build the registry's image with imgforge itself and load it; return its name."""
    folder = tmp_path_factory.mktemp("registry") / "project"
    shutil.copytree(HERE / "registry", folder)
    imgforge("lock", cwd=folder)
    imgforge("build", "--engine", "native", "--load", cwd=folder)
    return "imgforge-test/registry:latest"


@pytest.fixture(scope="session")
def docker_compose_file(registry_image: str) -> Path:  # noqa: ARG001 - it must be there first
    """Tell pytest-docker which services there are."""
    return HERE / "docker-compose.yml"


@pytest.fixture(scope="session")
def docker_compose_command() -> str:
    """Tell pytest-docker how Compose is called."""
    return f"{tool('docker')} compose"


@pytest.fixture(scope="session")
def docker_cleanup() -> list[str]:
    """Tell pytest-docker how the services end."""
    return ["down --volumes --timeout 3"]


@pytest.fixture(scope="session")
def registry(docker_ip: str, docker_services: Any) -> Iterator[str]:  # noqa: ANN401 - untyped
    """Return ``host:port`` of an empty registry; also in IMGFORGE_TEST_REGISTRY."""
    host = f"{docker_ip}:{docker_services.port_for('registry', 5000)}"

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://{host}/v2/", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    docker_services.wait_until_responsive(timeout=20, pause=0.1, check=answers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMGFORGE_TEST_REGISTRY", host)
        yield host


@pytest.fixture(scope="session")
def sigstore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSigstore]:
    """Return a real Sigstore on loopback, running: Fulcio, Rekor, a timestamp authority."""
    with livesigstore.started(tmp_path_factory.mktemp("sigstore")) as running:
        yield running


@pytest.fixture(scope="session")
def referrers_registry(sigstore: LiveSigstore) -> str:
    """Return ``host:port`` of an empty registry in memory that has the referrers API."""
    return sigstore.registry


@pytest.fixture(scope="module", params=["registry", "referrers_registry"])
def both_registries(request: pytest.FixtureRequest) -> str:
    """Return ``host:port`` of a registry, once without the referrers API and once with it.

    Of a module's scope: pytest would else leave each module in the middle for the other registry,
    and make its fixtures twice.
    """
    return str(request.getfixturevalue(request.param))


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    """Return a key pair that signs what the tests build."""
    folder = tmp_path_factory.mktemp("key")
    env = {"IMGFORGE_KEY_PASSWORD": "made up for the tests"}
    imgforge("key", "generate", folder / "test", cwd=folder, env=env)
    return Key(folder / "test.key", folder / "test.pub", env)


@pytest.fixture(scope="session")
def built(
    engine: str,  # noqa: ARG001 - images are loaded into it
    key: Key,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str, str], Example]]:
    """Return a function that builds an example (name, engine) once, signs it and loads it."""
    done: dict[tuple[str, str], Example] = {}

    def build(name: str, engine_name: str) -> Example:
        if (name, engine_name) not in done:
            folder = copy_example(name, tmp_path_factory.mktemp(f"{name}-{engine_name}") / name)
            out = imgforge(
                *("build", "--engine", engine_name, "--no-cache", "--load", "--format", "json"),
                *("--key", key.private, "--tag", f"{name}-{engine_name}"),
                cwd=folder,
                env=key.env,
            )
            spec = tomllib.loads((folder / "imgforge.toml").read_text(encoding="utf-8"))
            image = f"{spec['image']['name']}:{name}-{engine_name}"
            result = json.loads(out.stdout)
            done[name, engine_name] = Example(folder, spec, expect.read(folder), image, result)
        return done[name, engine_name]

    yield build
    for example in done.values():
        docker("image", "rm", "--force", example.name)
