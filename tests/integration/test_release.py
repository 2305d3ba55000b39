"""A release pipeline's path: build, push signed, verify with other people's tools, build on it."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import pytest
from running import Key, copy_example, imgforge, run, tool

from imgforge import lock as locks

TYPES = {
    "spdxjson": "https://spdx.dev/Document",
    "cyclonedx": "https://cyclonedx.org/bom",
    "slsaprovenance1": "https://slsa.dev/provenance/v1",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_example("python-web", tmp_path_factory.mktemp("release") / "python-web")


@pytest.fixture(scope="module")
def pushed(project: Path, registry: str, key: Key) -> str:
    """Push the example, signed; return repository@digest."""
    out = imgforge(
        *("build", "--engine", "native", "--key", key.private),
        *("--push", f"{registry}/acme/notes", "--push", f"{registry}/mirror/notes:stable"),
        cwd=project,
        env=key.env,
    )
    return out.stdout.strip()


def cosign(*arguments: str | Path) -> str:
    return run(tool("cosign"), *arguments).stdout


def test_stdout_is_the_reference_by_digest(pushed: str, registry: str) -> None:
    assert pushed.startswith(f"{registry}/acme/notes@sha256:")
    assert "\n" not in pushed


def test_cosign_verifies_image_and_attestations(pushed: str, registry: str, key: Key) -> None:
    flags = ("--key", key.public, "--insecure-ignore-tlog=true", "--allow-http-registry=true")
    for name in (pushed, f"{registry}/acme/notes:1.0.0", f"{registry}/mirror/notes:stable"):
        assert pushed.split("@")[1] in cosign("verify", *flags, name)
    for kind, predicate in TYPES.items():
        found = json.loads(
            cosign("verify-attestation", *flags, "--type", kind, pushed).splitlines()[0]
        )
        assert predicate in json.dumps(found) or "payload" in found


def test_another_key_is_not_accepted(pushed: str, tmp_path: Path, key: Key, project: Path) -> None:
    imgforge("key", "generate", tmp_path / "other", cwd=tmp_path, env=key.env)
    done = imgforge("verify", "--key", tmp_path / "other.pub", pushed, cwd=project, code=5)
    assert "error" in done.stderr
    assert done.stdout == ""


def test_imgforge_verifies_what_the_registry_has(pushed: str, key: Key, project: Path) -> None:
    done = imgforge("verify", "--key", key.public, "--format", "json", pushed, cwd=project)
    (proven,) = json.loads(done.stdout)["images"]
    assert proven["digest"] == pushed.split("@")[1]
    assert {a["predicateType"] for a in proven["proven"]} >= set(TYPES.values())


def test_an_unsigned_image_is_refused(project: Path, registry: str, key: Key, pushed: str) -> None:
    plain = f"{registry}/unsigned/notes:1"
    run(
        *(tool("skopeo"), "copy", "--dest-tls-verify=false", "--src-tls-verify=false"),
        *(f"docker://{pushed}", f"docker://{plain}"),
    )
    imgforge("verify", "--key", key.public, plain, cwd=project, code=5)


def test_skopeo_sees_the_same_image(pushed: str) -> None:
    seen = json.loads(
        run(tool("skopeo"), "inspect", "--tls-verify=false", f"docker://{pushed}").stdout
    )
    assert seen["Digest"] == pushed.split("@")[1]
    assert seen["Labels"]["dev.imgforge.run.secrets"] == "session-key"


def test_pushing_again_uploads_nothing_new_and_agrees(
    project: Path, registry: str, key: Key, pushed: str
) -> None:
    again = imgforge(
        *("build", "--engine", "native", "--key", key.private),
        *("--push", f"{registry}/acme/notes"),
        cwd=project,
        env=key.env,
    )
    assert again.stdout.strip() == pushed


@pytest.mark.parametrize("engine_name", ["native", "buildkit"])
def test_a_base_from_a_registry_serves_like_one_made_here(
    tmp_path: Path, project: Path, registry: str, engine_name: str
) -> None:
    """The same template, the same files; only what names the base differs."""
    from imgforge import bases

    lock = locks.read(project / "imgforge.lock")
    layout = bases.ensure(lock.runtime, say=print)
    name = f"{registry}/bases/python"
    target = f"docker://{name}:{engine_name}"
    run(
        *(tool("skopeo"), "copy", "--quiet", "--all", "--preserve-digests"),
        *("--dest-tls-verify=false", f"oci:{layout}", target),
    )
    copy = tmp_path / "project"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns(".imgforge"))
    path = copy / "imgforge.toml"
    pin = f"{name}@{lock.runtime.digest}"
    path.write_text(path.read_text().replace('name = "python"', f'name = "python"\nbase = "{pin}"'))
    assert tomllib.loads(path.read_text())["stack"]["base"] == pin
    exempt = 'exempt = "made by this test"\nowner = "tests"\nexpires = 2999-01-31\n'
    (tmp_path / "policy.toml").write_text(f'[[bases.trust]]\nmatch = "{name}"\n{exempt}')
    policy = ("--policy", tmp_path / "policy.toml")
    imgforge("lock", *policy, cwd=copy)
    assert locks.read(copy / "imgforge.lock").runtime.source == "registry"
    out = imgforge("build", "--engine", engine_name, "--format", "json", *policy, cwd=copy)
    assert json.loads(out.stdout)["engine"] == engine_name
    rendered = imgforge("render", cwd=copy).stdout
    assert f"FROM {pin} AS runtime" in rendered
