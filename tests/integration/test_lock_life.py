"""A lock that is behind the real archive: seen, upgraded, checked and used without a network."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from running import EXAMPLES, imgforge

from imgforge import lock as locks
from imgforge.oci.types import Platform

AMD64 = Platform("linux", "amd64")
OLDER = "0~before"
NOWHERE = {
    "IMGFORGE_DEBIAN_MIRROR": "http://127.0.0.1:9",
    "IMGFORGE_DEBIAN_SECURITY_MIRROR": "http://127.0.0.1:9",
    "UV_DEFAULT_INDEX": "http://127.0.0.1:9",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Copy an example without its lock, and lock it."""
    folder = tmp_path / "project"
    ignored = shutil.ignore_patterns(".imgforge", "imgforge.lock", "server")
    shutil.copytree(EXAMPLES / "binary", folder, ignore=ignored)
    (folder / "server").write_bytes(b"never run")
    imgforge("lock", cwd=folder)
    return folder


def aged(folder: Path, name: str) -> tuple[locks.Lock, str]:
    """Make one package of the lock older; return the lock as it was and the present version."""
    path = folder / "imgforge.lock"
    lock = locks.read(path)
    base = lock.runtime
    (present,) = {
        p.version for x in base.platforms for y in x.layers for p in y.packages if p.name == name
    }
    platforms = tuple(
        dataclasses.replace(
            platform,
            layers=tuple(
                dataclasses.replace(
                    layer,
                    packages=tuple(
                        dataclasses.replace(p, version=OLDER, sha256="0" * 64)
                        if p.name == name
                        else p
                        for p in layer.packages
                    ),
                )
                for layer in platform.layers
            ),
        )
        for platform in base.platforms
    )
    old = dataclasses.replace(
        base,
        digest="sha256:" + "0" * 64,
        platforms=platforms,
        archives=tuple(dataclasses.replace(a, date="2020-01-01T00:00:00Z") for a in base.archives),
    )
    locks.write(dataclasses.replace(lock, runtime=old), path)
    return lock, present


def test_an_old_lock_is_seen_and_upgraded_and_then_serves_offline(project: Path) -> None:
    now, present = aged(project, "base-files")
    text = (project / "imgforge.lock").read_bytes()
    seen = imgforge("outdated", cwd=project, code=10)
    assert f"  base-files {OLDER} → {present}" in seen.stdout
    assert "archive trixie: 2020-01-01T00:00:00Z → 20" in seen.stdout
    shown = json.loads(imgforge("outdated", "--format", "json", cwd=project, code=10).stdout)
    (base,) = shown["bases"]
    assert [(p["name"], p["new"]) for p in base["changes"]["packages"]] == [("base-files", present)]
    assert dict(base["changes"]["archives"]).keys() == {a.suite for a in now.runtime.archives}

    dry = imgforge("lock", "--upgrade", "--dry-run", cwd=project)
    assert f"base-files {OLDER} → {present}" in dry.stderr
    assert (project / "imgforge.lock").read_bytes() == text
    # Nothing asked for an upgrade, and what is pinned is in no archive.
    assert imgforge("lock", cwd=project, code=None).returncode in {6, 75}

    out = imgforge("lock", "--upgrade", "runtime", "--format", "json", cwd=project)
    (pin,) = json.loads(out.stdout)["bases"]
    assert pin["changes"]["oldDigest"] == "sha256:" + "0" * 64
    assert pin["changes"]["newDigest"] == locks.read(project / "imgforge.lock").runtime.digest
    assert imgforge("outdated", "--fail-on", "security", cwd=project).stdout.startswith(
        "runtime static: up to date"
    )

    imgforge("lock", "--offline", cwd=project, env=NOWHERE)
    assert imgforge("lock", "--check", cwd=project, env=NOWHERE).stdout == ""
    built = imgforge("build", "--engine", "native", "--offline", cwd=project, env=NOWHERE)
    assert built.stdout.startswith("acme/hello@sha256:")


def test_a_platform_more_is_resolved_and_what_is_not_in_the_cache_is_named(
    project: Path, tmp_path: Path
) -> None:
    path = project / "imgforge.toml"
    both = 'tags = ["1.0.0"]\nplatforms = ["linux/amd64", "linux/arm64"]'
    path.write_text(path.read_text().replace('tags = ["1.0.0"]', both))
    stale = imgforge("lock", "--check", cwd=project, code=2).stderr
    assert "platforms: locked" in stale
    out = imgforge("lock", "--format", "json", cwd=project)
    (pin,) = json.loads(out.stdout)["bases"]
    assert pin["reasons"] == ["it was not locked for linux/arm64"]
    imgforge("lock", "--check", cwd=project)
    locked = locks.read(project / "imgforge.lock").runtime.on(AMD64)
    empty = {**NOWHERE, "IMGFORGE_CACHE": str(tmp_path / "empty")}
    for command in (("lock", "--offline"), ("build", "--engine", "native", "--offline")):
        said = imgforge(*command, cwd=project, env=empty, code=4).stderr
        for package in (p for layer in locked.layers for p in layer.packages):
            assert f"{package.name} {package.version} {package.architecture}" in said
