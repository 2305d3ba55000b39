"""A project whose base is a tiny one that the cache holds: it is built without any network."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Callable
from pathlib import Path

import madeimage as made
import tiny

from imgforge import cache
from imgforge import lock as locks
from imgforge import project as projects
from imgforge.bases.cached import mark_made
from imgforge.oci.layout import Layout
from imgforge.oci.types import MANIFEST

MakeLock = Callable[[projects.Project], locks.Lock]
SPEC = """\
[image]
name = "acme/held"
tags = ["1.0"]
platforms = [{platforms}]

[stack]
name = "binary"
base = "static"

[app]
source = ["server", "data"]
entrypoint = ["/app/server"]

[env]
GREETING = "canary-in-the-environment"
"""
COPYRIGHT = b"""Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
License: GPL-2
 see /usr/share/common-licenses/GPL-2.
"""
STATUS = b"""Package: tool
Status: install ok installed
Maintainer: Acme <acme@example.com>
Architecture: amd64
Version: 1.0

"""
BASE = (
    made.file("etc/passwd", b"root:x:0:0::/:/x\nnonroot:x:65532:65532::/:/x\n"),
    made.file("etc/group", b"root:x:0:\nnonroot:x:65532:\n"),
    made.file("etc/os-release", b"ID=debian\nVERSION_ID=13\n"),
    made.file("var/lib/dpkg/status.d/tool", STATUS),
    made.file("usr/share/doc/tool/copyright", COPYRIGHT),
    made.file("usr/share/common-licenses/GPL-2", b"the text of the GPL\r\n"),
    made.file("usr/share/common-licenses/GPL-3", b"nobody's\n"),
)


def write(root: Path, made_lock: MakeLock, *platforms: str) -> Path:
    """Write the project and its lock, and put the base into the cache; return ``root``."""
    wanted = platforms or ("linux/amd64",)
    (root / "data").mkdir(parents=True)
    (root / "server").write_bytes(b"\x7fELF not really")
    (root / "data/one.txt").write_text("one\n")
    text = SPEC.format(platforms=", ".join(f'"{p}"' for p in wanted))
    (root / "imgforge.toml").write_text(text)
    project = projects.load(root)
    lock = made_lock(project)
    lock = dataclasses.replace(lock, runtime=_base(lock.runtime))
    locks.write(lock, project.lock_path)
    return root


def _base(locked: locks.LockedBase) -> locks.LockedBase:
    folder = cache.directory("bases")
    staging = Layout.create(folder / "staging")
    platforms = []
    for each in locked.platforms:
        image = made.add(staging, [made.tar(*BASE)], architecture=each.platform.architecture)
        manifest = staging.read_json(image)
        manifest["annotations"] = {"org.opencontainers.image.title": "imgforge/static"}
        image = staging.add_json(manifest, MANIFEST, platform=each.platform)
        platforms.append((dataclasses.replace(each, digest=image.digest), image))
    top = tiny.index(staging, *(image for _, image in platforms))
    staging.write_index([top])
    mark_made(staging.path)
    staging.path.rename(folder / top.digest.removeprefix("sha256:"))
    return dataclasses.replace(
        locked,
        digest=top.digest,
        archives=(locks.Archive("trixie", "2026-11-20T00:00:00Z", "6" * 64),),
        platforms=tuple(each for each, _ in platforms),
    )


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder; return what it printed."""
    who = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    done = subprocess.run(
        ["git", *who, *arguments],  # noqa: S607
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def commit(root: Path) -> str:
    """Make a repository of ``root`` with everything in it; return the commit."""
    (root / ".gitignore").write_text(".imgforge\n*.key\n*.pub\nagain\n")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "x")
    return git(root, "rev-parse", "HEAD")
