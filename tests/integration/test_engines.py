"""One plan, every engine: the same files, owners, modes and configuration, bit for bit again."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from imgforge import bases, engines, pins
from imgforge import project as projects
from imgforge.engines.protocol import BuildRequest, Built
from imgforge.oci.layout import Layout, references
from imgforge.oci.types import Descriptor
from imgforge.render import render

GOLDEN = Path(__file__).parent.parent / "golden" / "cases"
SPEC = """\
[image]
name = "acme/parity"
labels = { "com.example.team" = "a 'b' $C" }

[stack]
name = "python"

[app]
source = ["web", "single.conf", "deep/er/file.txt"]
lock = "requirements.txt"
entrypoint = ["/usr/bin/python3", "-m", "web"]
command = ["--flag", "$HOME"]
ports = [8080]

[env]
TRICKY = "$(id) ${HOME} \\"q\\" 'z' \\\\ `x`"

[run]
writable = ["/data", "/srv/some/where", "/tmp/inside", "/var/lib/app"]

[health]
command = ["/usr/bin/python3", "-c", "pass"]
start-period = "500ms"
"""


def write_project(root: Path, umask: int) -> projects.Project:
    """Write a project with links, odd modes and things to leave out; lock it."""
    old = os.umask(umask)
    try:
        (root / "web/sub").mkdir(parents=True)
        (root / "web/empty").mkdir()
        (root / "web/__pycache__").mkdir()
        (root / "deep/er").mkdir(parents=True)
        files = {
            "imgforge.toml": SPEC,
            "requirements.txt": requirements(),
            "web/__main__.py": "print('hello')\n",
            "web/run me.sh": "#!/bin/sh\n",
            "web/sub/é.txt": "unicode\n",
            "web/.env": "NOT=shipped\n",
            "web/__pycache__/x.pyc": "cache",
            "single.conf": "x=1\n",
            "deep/er/file.txt": "deep\n",
            "not-a-source": "left out\n",
        }
        for name, text in files.items():
            (root / name).write_text(text, encoding="utf-8")
        (root / "web/run me.sh").chmod(0o777)
        (root / "web/link").symlink_to("sub/é.txt")
    finally:
        os.umask(old)
    return projects.load(root)


def requirements() -> str:
    """Return locked requirements of a few small wheels."""
    return (Path(__file__).parent / "parity-requirements.txt").read_text()


def build(project: projects.Project, engine: str, scratch: Path) -> Built:
    plan, lock = project.plan(), project.read_lock()
    layouts = {
        f"{b.reference}@{b.digest}": bases.ensure(b, say=print)
        for b in (lock.runtime, lock.builder)
        if b is not None
    }
    scratch.mkdir(parents=True)
    request = BuildRequest(
        plan, render(plan), project.root, layouts, {}, scratch, no_cache=True, say=print
    )
    return engines.load(engine).build(request)


def flatten(layout: Layout, image: Descriptor) -> dict[str, tuple[Any, ...]]:
    """Apply the layers with tarfile, which shares no code with imgforge: path → all that counts."""
    tree: dict[str, tuple[Any, ...]] = {}
    for layer in references(layout.read_json(image))[1:]:
        with tarfile.open(layout.blob_path(layer.digest)) as tar:
            for member in tar:
                reader = tar.extractfile(member) if member.isreg() else None
                content = hashlib.sha256(reader.read()).hexdigest() if reader else ""
                tree[member.name.rstrip("/")] = (
                    member.type, oct(member.mode), member.uid, member.gid, member.linkname, content,
                )  # fmt: skip
    return tree


def config(layout: Layout, image: Descriptor) -> dict[str, Any]:
    value = layout.read_json(references(layout.read_json(image))[0])
    return {**value["config"], "created": value["created"], "os": value["os"]}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> projects.Project:
    made = write_project(tmp_path_factory.mktemp("parity") / "one", 0o022)
    pins.update(made, say=print)
    return made


@pytest.mark.usefixtures("engine")
def test_all_engines_make_the_same_files_and_configuration(
    project: projects.Project, tmp_path: Path
) -> None:
    buildkit = build(project, "buildkit", tmp_path / "b")
    native = build(project, "native", tmp_path / "n")
    buildah = build(project, "buildah", tmp_path / "a")
    left, right = flatten(buildkit.layout, buildkit.image), flatten(native.layout, native.image)
    assert left == right
    assert config(buildkit.layout, buildkit.image) == config(native.layout, native.image)
    assert buildkit.image.digest == native.image.digest == buildah.image.digest
    assert right["app/web/run me.sh"][1] == "0o555"
    assert right["data"][1:4] == ("0o700", 65532, 65532)
    assert "app/web/.env" not in right
    assert "app/not-a-source" not in right
    assert any(name.startswith("opt/deps/idna/") for name in right)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("engine_name", ["native", "buildkit", "buildah"])
def test_another_directory_umask_and_time_give_the_same_digest(
    project: projects.Project, tmp_path: Path, engine_name: str
) -> None:
    other = write_project(tmp_path / "elsewhere", 0o077)
    shutil.copy(project.lock_path, other.lock_path)
    first = build(project, engine_name, tmp_path / "1")
    second = build(other, engine_name, tmp_path / "2")
    assert first.image.digest == second.image.digest


@pytest.mark.usefixtures("engine")
def test_hostile_text_reaches_the_configuration_as_text(tmp_path: Path) -> None:
    root = tmp_path / "hostile"
    root.mkdir()
    shutil.copy(GOLDEN / "hostile/imgforge.toml", root)
    (root / "requirements.txt").write_text(requirements())
    for name in ("web", "data dir", "-dash"):
        (root / name).mkdir()
        (root / name / "file").write_text(name)
    made = projects.load(root)
    pins.update(made, say=print)
    results = [build(made, name, tmp_path / name) for name in ("buildkit", "native")]
    for built in results:
        seen = config(built.layout, built.image)
        env = dict(pair.split("=", 1) for pair in seen["Env"])
        assert {k: env[k] for k in made.spec.env} == made.spec.env
        assert seen["Entrypoint"] == list(made.choice.entrypoint)
        assert seen["Cmd"] == list(made.choice.command)
        assert seen["Labels"]["org.opencontainers.image.title"] == made.spec.image.title
        assert seen["Labels"]["com.example.note"] == made.spec.image.labels["com.example.note"]
        assert seen["User"] == "65532:65532"
    assert flatten(results[0].layout, results[0].image) == flatten(
        results[1].layout, results[1].image
    )


@pytest.mark.usefixtures("engine")
def test_pip_ships_the_files_that_uv_ships(project: projects.Project, tmp_path: Path) -> None:
    root = tmp_path / "pip"
    shutil.copytree(project.root, root, symlinks=True)
    path = root / "imgforge.toml"
    chosen = 'name = "python"\nparameters = { installer = "pip" }'
    path.write_text(path.read_text().replace('name = "python"', chosen))
    pip = build(projects.load(root), "buildkit", tmp_path / "by-pip")
    uv = build(project, "native", tmp_path / "by-uv")
    own_notes = ("INSTALLER", "RECORD", "REQUESTED")
    by_pip, by_uv = (
        {p: v for p, v in flatten(b.layout, b.image).items() if not p.endswith(own_notes)}
        for b in (pip, uv)
    )
    assert by_pip == by_uv


@pytest.mark.usefixtures("engine")
def test_both_platforms_are_built_without_emulation_to_one_digest(
    project: projects.Project, tmp_path: Path
) -> None:
    root = tmp_path / "both"
    shutil.copytree(project.root, root, symlinks=True)
    path = root / "imgforge.toml"
    both = 'name = "acme/parity"\nplatforms = ["linux/amd64", "linux/arm64"]'
    path.write_text(path.read_text().replace('name = "acme/parity"', both))
    made = projects.load(root)
    pins.update(made, say=print)
    native, buildkit, buildah = (
        build(made, name, tmp_path / name) for name in ("native", "buildkit", "buildah")
    )
    assert native.image.digest == buildkit.image.digest == buildah.image.digest
    images = native.layout.images(native.image)
    assert [str(image.platform) for image in images] == ["linux/amd64", "linux/arm64"]
    speedups = [
        next(name for name in flatten(native.layout, image) if "_speedups.cpython" in name)
        for image in images
    ]
    assert "x86_64" in speedups[0]
    assert "aarch64" in speedups[1]


@pytest.mark.usefixtures("engine")
def test_a_lock_that_does_not_hold_fails_on_every_engine(
    project: projects.Project, tmp_path: Path
) -> None:
    from imgforge.errors import BuildFailedError

    root = tmp_path / "bad"
    shutil.copytree(project.root, root, symlinks=True)
    path = root / "requirements.txt"
    path.write_text("idna==3.10 --hash=sha256:" + "0" * 64 + "\n")
    for name in ("native", "buildkit", "buildah"):
        with pytest.raises(BuildFailedError) as caught:
            build(projects.load(root), name, tmp_path / name)
        said = "\n".join(caught.value.details)
        assert "ash" in said or "exit code: 1" in said  # a busy BuildKit can lose a step's words
