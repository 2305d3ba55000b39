"""The buildah command, and a storage for its images that is imgforge's own.

Nothing is shared with the user's containers: storage, temporary files and caches of steps lie in
imgforge's cache, and neither configuration nor names of the machine count (``FROM`` names images
by their identity). What runs on the machine is decided by looking: the storage driver, the
isolation, and whether steps can be kept apart from it at all.

A build shares the storage with others. What interrupted ones left, images of projects long not
built, and a cache of steps that grew too large go at the end of one that is alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgforge import cache, process
from imgforge.engines import apart
from imgforge.errors import BuildFailedError, ToolMissingError

DRIVERS = ("overlay", "vfs")
"""Storage drivers, the better first: overlay keeps what a step changed, vfs copies everything."""

RUNTIMES = ("runc", "crun")
KEPT = 20
"""Projects whose stages stay in the storage, those built last."""

LARGEST = 8 << 30
"""Bytes that the caches of steps may have; beyond, they are emptied."""

_ANY = '{"default": [{"type": "insecureAcceptAnything"}]}'
"""containers-policy.json(5): images come from layouts whose digests imgforge has checked."""


@dataclass(frozen=True, slots=True)
class Storage:
    """An open storage: how buildah is called with it. ``run`` is the build's own folder."""

    binary: str
    folder: Path
    driver: str
    run: Path

    def argv(self, *arguments: str | Path, network: bool | None = None) -> list[str | Path]:
        """Return the command line; ``network`` is for what is kept apart: with it or without."""
        own: list[str | Path] = [self.binary, "--storage-driver", self.driver]
        own += ["--root", self.folder / self.driver, "--runroot", self.run / "state", *arguments]
        return own if network is None else [*keeping_apart(network=network), *own]

    def env(self) -> dict[str, str]:
        """Return the variables that every call gets."""
        return {"TMPDIR": str(self.folder / "tmp"), "CONTAINERS_CONF": os.devnull}

    @property
    def policy(self) -> Path:
        """The file that says which images may be taken into the storage."""
        return self.run / "policy.json"

    def ask(self, *arguments: str | Path, cwd: Path | None = None) -> str:
        """Run a buildah command that starts no step; return what it printed."""
        done = process.run(self.argv(*arguments), env=self.env(), cwd=cwd)
        return done.stdout.decode(errors="replace").strip()

    def images(self) -> dict[str, list[str]]:
        """Return the images that stand for themselves: identity (hex) → names."""
        found = json.loads(self.ask("images", "--json", "--no-trunc") or "[]") or []
        return {str(i["id"]).removeprefix("sha256:"): list(i.get("names") or ()) for i in found}

    def take(self, layout: Path, identity: str, platform: str) -> None:
        """Take a platform's image out of an OCI layout, if it is not there yet.

        ``identity`` is the digest (hex) of its configuration, and thereby of all its files.
        BuildFailedError if it comes out as another image.
        """
        if identity in self.images():
            return
        # buildah calls an image after the path that it comes from, and not every path (~/.cache)
        # is a name.
        link = self.run / "base"
        link.unlink(missing_ok=True)
        link.symlink_to(layout.resolve())
        got = self.ask(
            *("pull", "--quiet", "--signature-policy", self.policy),
            *("--platform", platform, f"oci:{link.name}"),
            cwd=self.run,
        )
        if got != identity:
            raise BuildFailedError(f"buildah took another image than {identity}: {got}")
        self.ask("tag", identity, f"localhost/imgforge/base:{identity}")


def binary() -> str | None:
    """Return where buildah is; None if it is not installed."""
    return shutil.which("buildah")


@functools.cache
def version(program: str) -> str:
    """Return the version that buildah says of itself."""
    words = process.run([program, "--version"]).stdout.decode(errors="replace").split()
    return words[2] if len(words) > 2 else "unknown"  # noqa: PLR2004 - buildah version 1.28.2


def isolation() -> list[str]:
    """Return the flags for how steps are isolated; ToolMissingError if they would not be.

    Root's steps run in containers of an OCI runtime: root could leave a changed root directory.
    An ordinary user's steps have no more rights than the user, and get a changed root directory.
    ``BUILDAH_ISOLATION`` and ``BUILDAH_RUNTIME`` say otherwise.
    """
    asked = os.environ.get("BUILDAH_ISOLATION") or ("oci" if os.geteuid() == 0 else "chroot")
    if asked == "chroot":
        return ["--isolation", "chroot"]
    names = (os.environ.get("BUILDAH_RUNTIME"), *RUNTIMES)
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    found = [program for name in names if name and (program := shutil.which(name, path=path))]
    if not found:
        raise ToolMissingError(
            "steps of root need an OCI runtime, runc or crun; BUILDAH_ISOLATION=chroot does without"
        )
    return ["--isolation", asked, "--runtime", found[0]]


def keeping_apart(*, network: bool) -> list[str | Path]:
    """Return what stands before a command to keep it apart (:mod:`imgforge.engines.apart`)."""
    own: list[str | Path] = [sys.executable, "-I", "-S", apart.__file__]
    space = [binary() or "buildah", "unshare"] if os.geteuid() != 0 else []
    return [*space, *own, "network" if network else "alone"]


@functools.cache
def trouble() -> str:
    """Say why buildah can run no steps here, having tried; empty if it can."""
    program = binary()
    if program is None:
        return "buildah is not installed"
    try:
        isolation()
        process.run([*keeping_apart(network=False), "true"], timeout=60)
        _driver(program)
    except ToolMissingError as error:
        return error.message
    except BuildFailedError as error:
        said = " ".join(" ".join(error.details[-1:]).split())
        return said or error.message
    return ""


@contextlib.contextmanager
def opened() -> Iterator[Storage]:
    """Open the storage for a build, and tidy it at the end if no other build uses it."""
    program = binary()
    if program is None:
        raise ToolMissingError("buildah is not installed")
    folder = cache.directory("buildah")
    for name in ("tmp", "projects"):
        (folder / name).mkdir(exist_ok=True)
    with (
        (folder / "lock").open("a") as lock,
        tempfile.TemporaryDirectory(prefix="imgforge-", ignore_cleanup_errors=True) as run,
    ):
        fcntl.flock(lock, fcntl.LOCK_SH)
        storage = Storage(program, folder.absolute(), _driver(program), Path(run))
        storage.policy.write_text(_ANY, encoding="utf-8")
        yield storage
        # What cannot be tidied now is tidied another time: the build itself is done.
        with contextlib.suppress(BlockingIOError, BuildFailedError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _tidy(storage)


@contextlib.contextmanager
def held(storage: Storage, names: Sequence[str]) -> Iterator[None]:
    """Hold locks of these names, which are sorted, for as long as the block lasts."""
    folder = storage.folder / "locks"
    folder.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        for name in names:
            file = stack.enter_context((folder / name).open("a"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@functools.cache
def _driver(program: str) -> str:
    """Return the first driver with which a container can be made here; ToolMissingError if none."""
    why = ""
    for driver in DRIVERS:
        with tempfile.TemporaryDirectory(prefix="imgforge-", ignore_cleanup_errors=True) as run:
            trial = Storage(program, Path(run), driver, Path(run))
            (trial.folder / "tmp").mkdir()
            making = trial.argv("from", "--pull-never", "scratch", network=True)
            try:
                process.run(making, env=trial.env(), timeout=60)
            except BuildFailedError as error:
                why = " ".join(" ".join(error.details[-1:]).split()) or error.message
            else:
                return driver
    raise ToolMissingError(f"buildah can make no container here: {why}")


def keep(storage: Storage, project: Path, images: Sequence[str]) -> None:
    """Note that a project's last build used these images: they stay for its next one."""
    from imgforge.oci.types import sha256

    name = sha256(str(project.resolve()).encode()).removeprefix("sha256:")[:32]
    cache.write(storage.folder / "projects" / f"{name}.json", json.dumps(list(images)).encode())


def _tidy(storage: Storage) -> None:
    """Remove working containers, and images that none of the projects built last needs."""
    notes = sorted(
        (storage.folder / "projects").glob("*.json"), key=lambda p: p.stat().st_mtime, reverse=True
    )
    for note in notes[KEPT:]:
        note.unlink()
    wanted = {image for note in notes[:KEPT] for image in _noted(note)}
    storage.ask("rm", "--all")
    stale = [i for i in storage.images() if i not in wanted]
    if stale:
        storage.ask("rmi", "--force", *stale)
    for path in (storage.folder / "tmp").iterdir():
        if not path.name.startswith("buildah-cache") or _size(path) > LARGEST:
            _remove(path)


def _noted(note: Path) -> list[str]:
    try:
        return [str(image) for image in json.loads(note.read_bytes())]
    except (OSError, ValueError):
        return []


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(place) / name).lstat().st_blocks * 512
    return total


def _remove(path: Path) -> None:
    """Remove what steps may have left to users that only their namespace knows."""
    process.run([*keeping_apart(network=False), "rm", "-rf", "--", str(path)], timeout=600)
