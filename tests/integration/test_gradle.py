"""Gradle: a wrapper and a private repository, and what the lock does not vouch for.

No Gradle distribution can be had here, so one is made of Debian's, whose files have its layout.
"""

from __future__ import annotations

import base64
import hashlib
import io
import posixpath
import shutil
import tarfile
import tomllib
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import guardedindex
import pytest
from guardedindex import GuardedIndex
from running import docker, imgforge

from imgforge import cache
from imgforge.oci.layout import Layout

WORD = "made-up-word-of-this-test"
"""The password."""

NAME = f"test/tally-{uuid.uuid4().hex}"
"""Files are kept for each application: one of another run was never fetched for this one."""

SPEC = """\
[image]
name = "NAME"
version = "1.0.0"
licenses = "MIT"

[stack]
name = "java"
version = "21"
build-packages = ["gradle", "libgoogle-gson-java"]

[stack.parameters]
build = "gradle"
module = "app"

[app]
source = ["build.gradle", "settings.gradle", "gradle", "core", "app"]
lock = "gradle.sha256"
"""
FILES = {
    "imgforge.toml": SPEC.replace("NAME", NAME),
    "settings.gradle": "rootProject.name = 'tally'\ninclude 'core', 'app'\n",
    "build.gradle": 'subprojects { apply from: "$rootDir/gradle/java.gradle" }\n',
    "gradle/java.gradle": "apply plugin: 'java-library'\nrepositories { mavenCentral() }\n",
    "core/build.gradle": "dependencies { api 'com.google.code.gson:gson:2.10.1' }\n",
    "core/src/main/java/core/Tally.java": """\
package core;

public final class Tally {
    public static String of(String text) {
        return new com.google.gson.Gson().toJson(java.util.Map.of("words", text.split(" ").length));
    }
}
""",
    "app/build.gradle": """\
apply plugin: 'application'
mainClassName = 'app.Main'
dependencies { implementation project(':core') }
""",
    "app/src/main/java/app/Main.java": """\
package app;

public final class Main {
    public static void main(String[] words) {
        System.out.println(core.Tally.of("one two three"));
    }
}
""",
}
WRAPPER = "gradle/wrapper/gradle-wrapper.properties"
NOWHERE = f"{'1' * 64}  no.such/thing/1/{'a' * 40}/thing-1.jar"
MAVEN = "usr/share/maven-repo/"
GSON = f"{MAVEN}com/google/code/gson/"


def builder_files(folder: Path) -> dict[str, bytes]:
    """Return the files of Gradle and of the library in the project's builder base, by path."""
    locked = tomllib.loads((folder / "imgforge.lock").read_text(encoding="utf-8"))
    digest = locked["builder"]["digest"].removeprefix("sha256:")
    layout = Layout.open(cache.directory("bases") / digest)
    (image, *_) = layout.images(layout.index()[0])
    found: dict[str, bytes] = {}
    links: dict[str, str] = {}
    for layer in layout.read_json(image)["layers"]:
        with tarfile.open(layout.blob_path(layer["digest"])) as archive:
            for member in archive:
                if not member.name.startswith(("usr/share/gradle/", "usr/share/java/", GSON)):
                    continue
                if member.issym():
                    links[member.name] = member.linkname
                elif file := archive.extractfile(member):
                    found[member.name] = file.read()
    for name in links:
        place = name
        while place in links:
            place = posixpath.normpath(posixpath.join(posixpath.dirname(place), links[place]))
        if place in found:
            found[name] = found[place]
    return {n: d for n, d in found.items() if n.startswith(("usr/share/gradle/", GSON))}


def distribution(files: dict[str, bytes]) -> bytes:
    """Return a zip as Gradle distributes it."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(files.items()):
            if name.startswith("usr/share/gradle/"):
                archive.writestr(name.replace("usr/share/gradle", "gradle-4.4.1", 1), data)
    return target.getvalue()


def sums(files: dict[str, bytes]) -> str:
    """Return the lock: what ``sha256sum`` says of the files as Gradle's cache has them."""
    lines = []
    for name, data in sorted(files.items()):
        if name.startswith(GSON) and "/debian/gson-debian" not in name:
            group, artifact, version, file = name.removeprefix(MAVEN).rsplit("/", 3)
            sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()
            path = f"{group.replace('/', '.')}/{artifact}/{version}/{sha1}/{file}"
            lines.append(f"{hashlib.sha256(data).hexdigest()}  {path}\n")
    return "".join(lines)


@pytest.fixture(scope="module")
def repository(
    engine: str,  # noqa: ARG001 - its bridge is asked for
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[GuardedIndex]:
    """Serve to whoever has the password; the project's builder has what is served."""
    credential = "Basic " + base64.b64encode(f"ada:{WORD}".encode()).decode()
    with guardedindex.started(tmp_path_factory.mktemp("repository"), credential) as index:
        yield index


@pytest.fixture(scope="module")
def project(repository: GuardedIndex, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project of two modules, locked, whose wrapper and library are served."""
    folder = tmp_path_factory.mktemp("project") / "tally"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    imgforge("lock", cwd=folder)
    files = builder_files(folder)
    made = distribution(files)
    served = {"/" + n.removeprefix(MAVEN): d for n, d in files.items() if n.startswith(GSON)}
    repository.files = {"/gradle-4.4.1-bin.zip": made}
    repository.files |= {f"/maven2{path}": data for path, data in served.items()}
    url = repository.url.replace(":", "\\:")  # as the wrapper task writes it
    (folder / WRAPPER).parent.mkdir()
    (folder / WRAPPER).write_text(
        f"distributionUrl={url}/gradle-4.4.1-bin.zip\n"
        f"distributionSha256Sum={hashlib.sha256(made).hexdigest()}\n",
        encoding="utf-8",
    )
    (folder / "gradle.sha256").write_text(sums(files), encoding="utf-8")
    return folder


@pytest.fixture
def settings(repository: GuardedIndex, tmp_path: Path) -> dict[str, str]:
    """Return the variables of a machine whose settings name the repository and its authority."""
    config = tmp_path / "config.toml"
    config.write_text(
        f'[network]\nca = "{repository.bundle}"\n[indexes.gradle]\n'
        f'url = "{repository.url}/maven2"\ncredentials = "env:GRADLE_LOGIN"\n',
        encoding="utf-8",
    )
    return {"IMGFORGE_CONFIG": str(config), "GRADLE_LOGIN": f"ada:{WORD}"}


def test_modules_are_built_by_the_wrapper_s_gradle_of_a_private_repository_s_files(
    repository: GuardedIndex, project: Path, settings: dict[str, str]
) -> None:
    flags = ("build", "--engine", "buildkit", "--load")
    said = imgforge(*flags, "-v", cwd=project, env=settings)
    assert "0 findings" in said.stderr
    assert WORD not in said.stdout + said.stderr
    assert "/gradle-4.4.1-bin.zip" in repository.served
    assert "/maven2/com/google/code/gson/gson/2.10.1/gson-2.10.1.jar" in repository.served
    kept = [p for p in (project / ".imgforge").rglob("*") if p.is_file() and not p.is_symlink()]
    assert kept
    assert not [p for p in kept if WORD.encode() in p.read_bytes()]
    plain = ("--rm", "--read-only", "--cap-drop", "ALL", "--network", "none")
    ran = docker("run", *plain, "--security-opt", "no-new-privileges", f"{NAME}:latest")
    assert ran.stdout == '{"words":3}\n'

    # The distribution's own Gradle, without a wrapper, makes the very same image.
    first = (project / ".imgforge/image/index.json").read_bytes()
    wrapper = (project / WRAPPER).read_bytes()
    (project / WRAPPER).unlink()
    try:
        imgforge("build", "--engine", "buildkit", cwd=project, env=settings)
    finally:
        (project / WRAPPER).write_bytes(wrapper)
    assert (project / ".imgforge/image/index.json").read_bytes() == first


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("gradle.sha256", "\n", f"\n{NOWHERE}\n", "lists what cannot be had"),
        ("gradle.sha256", "sum of the jar", "0" * 64, "is not what gradle.sha256 lists"),
        ("core/build.gradle", "gson:2.10.1", "gson:2.10.2", "Could not find com.google.code.gson"),
        (WRAPPER, "distributionSha256Sum", "other", "add the line distributionSha256Sum="),
    ],
    ids=["elsewhere", "changed", "stale", "unproven"],
)
def test_what_the_lock_does_not_vouch_for_is_refused(  # noqa: PLR0917
    project: Path,
    settings: dict[str, str],
    tmp_path: Path,
    file: str,
    old: str,
    new: str,
    said: str,
) -> None:
    folder = tmp_path / "tally"
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns(".imgforge"))
    path = folder / file
    text = path.read_text(encoding="utf-8")
    if old == "sum of the jar":
        (old,) = (line[:64] for line in text.splitlines() if line.endswith("gson-2.10.1.jar"))
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    failed = imgforge("build", "--engine", "buildkit", cwd=folder, env=settings, code=4)
    assert said in failed.stderr
    assert "gradle.sha256" in failed.stderr
    assert "README of stack java" in failed.stderr
    assert not (folder / ".imgforge/image").exists()
