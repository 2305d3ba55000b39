"""Fixtures that every suite may use."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, settings

from imgforge import lock as locks
from imgforge import project as projects
from imgforge.bases import definitions
from imgforge.catalogs.opening import How
from imgforge.plan import BuildPlan

SPEC = """\
[image]
name = "acme/web"
tags = ["1.0"]

[stack]
name = "python"

[app]
source = ["web"]
lock = "requirements.txt"
entrypoint = ["/usr/bin/python3", "-m", "web"]
"""
EPOCH = 1_700_000_000

# How fast a machine makes examples says nothing of what is tested.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def _own_cache(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Keep the user's cache out of every test but the integration tests, which share bases."""
    if "integration" not in request.node.path.parts:
        monkeypatch.setenv("IMGFORGE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def spec_text() -> str:
    """Return the text of a small python spec."""
    return SPEC


def _made_lock(project: projects.Project) -> locks.Lock:
    inputs = project.lock_inputs()

    def base(name: str, digit: str) -> locks.LockedBase:
        digest, seal = "sha256:" + digit * 64, "sha512-" + "A" * 86 + "=="
        chain = definitions.chain(name)
        platforms = tuple(
            locks.LockedPlatform(
                p,
                digest,
                tuple(
                    locks.LockedLayer(
                        d.name,
                        (),
                        tuple(locks.Wheel(w.requirement, "1", (), "1" * 64, 1) for w in d.wheel),
                        tuple(
                            locks.Tarball(
                                str(n.named(p.architecture)), n.version, "1" * 64, 1, "x", seal
                            )
                            for n in d.npm
                        ),
                    )
                    for d in chain
                ),
            )
            for p in inputs.platforms
        )
        return locks.LockedBase(
            name,
            "packages",
            f"imgforge/{name}",
            digest,
            EPOCH,
            definitions.digest(chain),
            (),
            platforms,
        )

    builder = base(inputs.builder, "b") if inputs.builder else None
    pin = project.opened.pin
    stack = None if pin.source == "builtin" else pin
    return locks.Lock(inputs, base(inputs.runtime, "a"), builder, stack)


@pytest.fixture
def made_lock() -> Callable[[projects.Project], locks.Lock]:
    """Return a function that makes a lock that fits a project, of digests that name nothing."""
    return _made_lock


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., projects.Project]:
    """Return a function that writes a project (spec text, files) with a lock and loads it."""

    def make(spec: str = SPEC, **files: str) -> projects.Project:
        root = tmp_path / "project"
        contents = {"web/__main__.py": "print('hello')\n", "requirements.txt": "", **files}
        for name, text in {"imgforge.toml": spec, **contents}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        project = projects.load(root, How(resolve=True))
        locks.write(_made_lock(project), project.lock_path)
        return project

    return make


@pytest.fixture
def make_plan(make_project: Callable[..., projects.Project]) -> Callable[..., BuildPlan]:
    """Return a function that compiles a spec's text into a plan."""
    return lambda spec=SPEC: make_project(spec).plan()


@pytest.fixture
def make_deb() -> Callable[..., bytes]:
    """Return a function that makes a binary package (deb(5)) of tar members or plain files."""
    return made_deb


def made_deb(
    files: Mapping[str, bytes | tarfile.TarInfo] | None = None,
    *,
    control: str = "Package: demo\nVersion: 1\nArchitecture: amd64\n",
    compression: str = "xz",
) -> bytes:
    """Make a package; a ``TarInfo`` in place of bytes goes into the archive as it is."""

    def packed(members: Mapping[str, bytes | tarfile.TarInfo]) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for name, content in members.items():
                if isinstance(content, tarfile.TarInfo):
                    tar.addfile(content, io.BytesIO(bytes(content.size)))
                else:
                    info = tarfile.TarInfo(name)
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
        return squeeze[compression](out.getvalue())

    squeeze: dict[str, Callable[[bytes], bytes]] = {
        "xz": lzma.compress,
        "gz": gzip.compress,
        "zst": zstandard.compress,
        "none": bytes,
    }
    suffix = "" if compression == "none" else f".{compression}"
    files = files or {}
    sums = "".join(
        f"{hashlib.md5(data, usedforsecurity=False).hexdigest()}  {name.removeprefix('./')}\n"
        for name, data in files.items()
        if isinstance(data, bytes)
    )
    return b"!<arch>\n" + b"".join(
        b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (name.encode(), 0, 0, 0, b"100644", len(body))
        + body
        + b"\n" * (len(body) % 2)
        for name, body in (
            ("debian-binary", b"2.0\n"),
            (
                f"control.tar{suffix}",
                packed({"./control": control.encode(), "./md5sums": sums.encode()}),
            ),
            (f"data.tar{suffix}", packed(files)),
        )
    )
