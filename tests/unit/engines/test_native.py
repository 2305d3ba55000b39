from __future__ import annotations

import dataclasses
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from imgforge import lock as locks
from imgforge import project as projects
from imgforge.compiler import compile_plan
from imgforge.engines import copies, native
from imgforge.engines.protocol import BuildRequest, Built
from imgforge.errors import BuildFailedError, ToolMissingError
from imgforge.oci.layer import Entry, write_layer
from imgforge.oci.layout import Layout, references
from imgforge.oci.types import CONFIG, INDEX, MANIFEST, Platform
from imgforge.plan import BuildPlan

SPEC = """\
[image]
name = "acme/tool"
platforms = ["linux/amd64", "linux/arm64"]

[stack]
name = "binary"

[app]
source = ["tool", "share"]
entrypoint = ["/app/tool"]
command = ["serve"]
ports = [80]

[env]
PATH = "/app"

[run]
writable = ["/data", "/var/run/tool"]

[health]
command = ["/app/tool", "--health"]
interval = "1m"
"""
BASE = [
    Entry("data", 0o755),
    Entry("run", 0o755),
    Entry("var", 0o755),
    Entry("var/run", 0, link="../run"),
]


def base_layout(folder: Path, platforms: tuple[Platform, ...]) -> Layout:
    layout = Layout.create(folder)
    images = []
    for platform in platforms:
        layer = write_layer(layout, BASE)
        config = {
            "architecture": platform.architecture,
            "os": platform.os,
            "config": {"Env": ["PATH=/bin", "LANG=C.UTF-8"], "User": "0", "Cmd": ["old"]},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
            "history": [{"created_by": "base"}],
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": layout.add_json(config, CONFIG).to_json(),
            "layers": [layer.descriptor.to_json()],
        }
        images.append(layout.add_json(manifest, MANIFEST, platform=platform))
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [i.to_json() for i in images]}
    layout.write_index([layout.add_json(index, INDEX)])
    return layout


@pytest.fixture
def build(
    tmp_path: Path, made_lock: Callable[[projects.Project], locks.Lock]
) -> Callable[..., Built]:
    def run(spec: str = SPEC, name: str = "out") -> Built:
        root = tmp_path / "project"
        (root / "share/deep").mkdir(parents=True, exist_ok=True)
        (root / "share/deep/a").write_text("a")
        (root / "share/link").symlink_to("deep/a") if not (
            root / "share/link"
        ).is_symlink() else None
        (root / "tool").write_bytes(b"\x7fELF")
        (root / "imgforge.toml").write_text(spec)
        project = projects.load(root)
        base = base_layout(tmp_path / "base", project.spec.platforms)
        lock = made_lock(project)
        digest = base.index()[0].digest
        lock = dataclasses.replace(lock, runtime=dataclasses.replace(lock.runtime, digest=digest))
        plan = compile_plan(project.spec, project.stack, project.choice, lock)
        bases = {plan.runtime.base.pin: base.path}
        scratch = tmp_path / name
        said: list[str] = []
        request = BuildRequest(plan, "", root, bases, {}, scratch, no_cache=False, say=said.append)
        return native.build(request)

    return run


def files(built: Built, number: int = 0) -> dict[str, tarfile.TarInfo]:
    found: dict[str, tarfile.TarInfo] = {}
    manifest = built.layout.read_json(built.layout.images(built.image)[number])
    for layer in references(manifest)[2:]:
        with tarfile.open(built.layout.blob_path(layer.digest)) as tar:
            found |= {m.name: m for m in tar}
    return found


def test_files_are_roots_and_read_only(build: Callable[..., Built]) -> None:
    found = files(build())
    assert (found["app/tool"].mode, found["app/tool"].uid) == (0o555, 0)
    assert found["app/share/deep/a"].mode == 0o555
    assert found["app/share/link"].linkname == "deep/a"
    assert found["app"].isdir()


def test_an_existing_folder_keeps_its_owner_and_a_link_is_followed(
    build: Callable[..., Built],
) -> None:
    found = files(build())
    assert (found["data"].mode, found["data"].uid) == (0o755, 0)
    assert found["run/tool"].uid == 65532
    assert "var/run/tool" not in found


def test_every_platform_gets_its_image_and_there_is_an_index(build: Callable[..., Built]) -> None:
    built = build()
    images = built.layout.images(built.image)
    assert [str(i.platform) for i in images] == ["linux/amd64", "linux/arm64"]
    assert built.image.media_type == INDEX


def test_the_configuration_is_the_plans_on_the_bases(build: Callable[..., Built]) -> None:
    built = build()
    manifest = built.layout.read_json(built.layout.images(built.image)[0])
    value = built.layout.read_json(references(manifest)[0])
    config = value["config"]
    assert config["Env"] == ["PATH=/app", "LANG=C.UTF-8"]
    assert config["User"] == "65532:65532"
    assert (config["Entrypoint"], config["Cmd"]) == (["/app/tool"], ["serve"])
    assert config["ExposedPorts"] == {"80/tcp": {}}
    assert config["Healthcheck"]["Interval"] == 60_000_000_000
    assert len(value["rootfs"]["diff_ids"]) == len(manifest["layers"])
    assert value["created"] == "2023-11-14T22:13:20Z"
    assert value["history"][0] == {"created_by": "base"}


def test_building_again_gives_the_same_digest(build: Callable[..., Built]) -> None:
    assert build(name="1").image.digest == build(name="2").image.digest


def test_a_plan_with_commands_is_refused_with_the_reason(
    make_project: Callable[..., projects.Project], spec_text: str
) -> None:
    spec = spec_text.replace('"python"', '"python"\nparameters = { installer = "pip" }')
    plan: BuildPlan = make_project(spec).plan()
    assert 'parameter installer = "pip"' in native.unable(plan)
    request = BuildRequest(
        plan, "", Path(), {}, {}, Path("/nonexistent"), no_cache=False, say=print
    )
    with pytest.raises(ToolMissingError, match="installer"):
        native.build(request)


def test_links_of_the_base_that_loop_are_an_error() -> None:
    tree = copies.Tree({}, {"a": "b", "b": "a"})
    with pytest.raises(BuildFailedError, match="loop"):
        tree.resolve("a/x")


def test_links_of_the_base_cannot_leave_it() -> None:
    tree = copies.Tree({}, {"a": "../../../etc", "c": "/x/../../y"})
    assert tree.resolve("a/passwd") == "etc/passwd"
    assert tree.resolve("c") == "y"
