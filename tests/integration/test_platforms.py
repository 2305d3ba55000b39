"""Images for several platforms in one command: without emulation, with it, and where it lacks."""

from __future__ import annotations

import contextlib
import json
import os
import platform as machine
import re
import shutil
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import EXAMPLE_NAMES, ROOT, copy_example, engines_of, imgforge, run, tool

from imgforge import lock as locks
from imgforge.oci.layout import Layout

BOTH = ("linux/amd64", "linux/arm64")
BINFMT = Path("/proc/sys/fs/binfmt_misc")
FOREIGN = {"x86_64": ("arm64", "aarch64"), "aarch64": ("amd64", "x86_64")}[machine.machine()]
"""The platform that this machine can run only emulated, and what qemu and uname call it."""

RULE = Path(f"/usr/lib/binfmt.d/qemu-{FOREIGN[1]}.conf")
"""What qemu-user-static registers."""

PIP = """\
[image]
name = "test/emulated"
platforms = ["linux/amd64", "linux/arm64"]

[stack]
name = "python"
parameters = { installer = "pip" }

[app]
source = ["web"]
lock = "requirements.txt"
entrypoint = ["/usr/bin/python3", "-m", "web"]
"""
WEB = """\
import platform
import markupsafe._speedups
print(platform.machine(), markupsafe._speedups.__file__)
"""


@contextlib.contextmanager
def own_engine(folder: Path) -> Iterator[dict[str, str]]:
    """Start an engine that has not looked yet at what can be emulated; yield its environment.

    BuildKit never forgets a platform that it once could run. A copied ``dev/engine`` is another
    engine than this checkout's.
    """
    script = folder / "checkout" / "dev" / "engine"
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / "dev" / "engine", script)
    run(script, "start", "--while", str(os.getpid()))
    try:
        host = run(script, "env").stdout.strip().removeprefix("DOCKER_HOST=")
        yield {"DOCKER_HOST": host}
    finally:
        run(script, "remove")


@pytest.fixture
def binfmt() -> Path:
    """Return the folder of the kernel's table of binary formats, mounted if it was not."""
    if not (BINFMT / "register").exists():
        run("mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT)
    return BINFMT


def handlers(binfmt: Path) -> list[Path]:
    """Return the enabled entries that would run a 64-bit program of the foreign platform."""
    code = {"arm64": "b700", "amd64": "3e00"}[FOREIGN[0]]  # e_machine, at the end of the magic
    rule = re.compile(rf"^magic 7f454c4602[0-9a-f]*{code}$", re.MULTILINE)
    entries = [p for p in binfmt.iterdir() if p.name not in {"register", "status"}]
    texts = {p: p.read_text() for p in entries}
    return [p for p, text in texts.items() if text.startswith("enabled") and rule.search(text)]


@pytest.fixture
def without_emulation(binfmt: Path) -> Iterator[None]:
    """Switch the foreign platform off for a test."""
    found = handlers(binfmt)
    for entry in found:
        entry.write_text("0")
    yield
    for entry in found:
        entry.write_text("1")


@pytest.fixture
def with_emulation(binfmt: Path) -> Iterator[None]:
    """See to it that the foreign platform is emulated, as qemu-user-static does at its set-up."""
    tool(f"qemu-{FOREIGN[1]}-static")
    if handlers(binfmt):
        yield
        return
    rule = RULE.read_text().strip()
    (binfmt / "register").write_text(rule)
    yield
    (binfmt / rule.split(":")[1]).write_text("-1")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Write and lock a project whose dependencies pip installs, on each platform itself."""
    root = tmp_path / "project"
    (root / "web").mkdir(parents=True)
    (root / "web" / "__main__.py").write_text(WEB)
    (root / "imgforge.toml").write_text(PIP)
    shutil.copy(Path(__file__).parent / "parity-requirements.txt", root / "requirements.txt")
    imgforge("lock", cwd=root)
    return root


def for_both(name: str, folder: Path) -> Path:
    """Copy an example, ask for both platforms and lock it; return the copy."""
    root = copy_example(name, folder)
    spec = root / "imgforge.toml"
    text = spec.read_text(encoding="utf-8")
    if "platforms" not in tomllib.loads(text)["image"]:
        asked = json.dumps(list(BOTH))
        spec.write_text(text.replace("[image]\n", f"[image]\nplatforms = {asked}\n"), "utf-8")
        imgforge("lock", cwd=root)
    assert {str(p.platform) for p in locks.read(root / "imgforge.lock").runtime.platforms} == {
        *BOTH
    }
    return root


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("name", [n for n in EXAMPLE_NAMES if "native" in engines_of(n)])
def test_one_command_builds_an_example_for_both_platforms_on_both_engines(
    name: str, tmp_path: Path
) -> None:
    root = for_both(name, tmp_path / name)
    digests = set()
    for engine in ("native", "buildkit"):
        out = tmp_path / engine
        made = imgforge(
            *("build", "--engine", engine, "--output", out, "--format", "json"), cwd=root
        )
        digests.add(json.loads(made.stdout)["digest"])
        shown = json.loads(run(tool("skopeo"), "inspect", "--raw", f"oci:{out}/image").stdout)
        assert [
            f"{m['platform']['os']}/{m['platform']['architecture']}" for m in shown["manifests"]
        ] == list(BOTH)
        for each in BOTH:
            arch = each.partition("/")[2]
            config = json.loads(
                run(
                    *(tool("skopeo"), f"--override-arch={arch}", "inspect", "--config"),
                    f"oci:{out}/image",
                ).stdout
            )
            assert config["architecture"] == arch
        names = {p.name for p in (out / "evidence").iterdir()}
        assert {f"sbom-linux-{each[6:]}.spdx.json" for each in BOTH} <= names
    assert len(digests) == 1


def test_one_of_the_platforms_can_be_built_alone_but_not_pushed(tmp_path: Path) -> None:
    root = for_both("python-web", tmp_path / "alone")
    arguments = ("build", "--engine", "native", "--platform", "linux/arm64")
    imgforge(*arguments, cwd=root)
    (top,) = {d.digest: d for d in Layout.open(root / ".imgforge/image").index()}.values()
    assert str(top.platform) == "linux/arm64"
    refused = imgforge(*arguments, "--push", "localhost:1/x/y", "--key", "k", cwd=root, code=2)
    assert "--platform" in refused.stderr
    unknown = imgforge("build", "--platform", "linux/s390x", cwd=root, code=2)
    assert "linux/amd64, linux/arm64" in unknown.stderr
    whole = json.loads(imgforge("build", "--engine", "native", "--format", "json", cwd=root).stdout)
    assert not whole["unchanged"]


@pytest.mark.usefixtures("without_emulation")
def test_where_commands_cannot_be_run_the_build_does_not_begin(
    project: Path, tmp_path: Path
) -> None:
    with own_engine(tmp_path) as env:
        begun = time.monotonic()
        for engine in ("buildkit", "auto"):
            failed = imgforge("build", "--engine", engine, cwd=project, env=env, code=3)
            assert f"cannot run commands of linux/{FOREIGN[0]}" in failed.stderr
            assert "qemu-user-static" in failed.stderr
            assert "build with" not in failed.stderr
        assert time.monotonic() - begun < 30
        assert not (project / ".imgforge" / "image").exists()


@pytest.mark.usefixtures("with_emulation")
def test_where_they_can_be_emulated_both_images_are_built_and_run(
    project: Path, tmp_path: Path
) -> None:
    with own_engine(tmp_path) as env:
        imgforge("build", "--engine", "buildkit", "--load", cwd=project, env=env)
        layout = Layout.open(project / ".imgforge/image")
        images = [image for top in layout.index() for image in layout.images(top)]
        assert [str(image.platform) for image in images] == list(BOTH)
        said = run(
            *(tool("docker"), "run", "--rm", "--read-only", "--cap-drop", "ALL"),
            *("--platform", f"linux/{FOREIGN[0]}", "test/emulated:latest"),
            env=env,
        )
        assert said.stdout.split()[0] == FOREIGN[1]
        assert f"{FOREIGN[1]}-linux-gnu.so" in said.stdout
