"""What this machine can do: looked at, not assumed."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from imgforge import __version__, cache
from imgforge.errors import ImgforgeError


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was looked at; ``needed`` means nothing works without it."""

    name: str
    ok: bool
    detail: str
    hint: str = ""
    needed: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return asdict(self)


def examine() -> list[Fact]:
    """Look at everything imgforge may use; never raises for what is missing."""
    return [
        Fact("imgforge", ok=True, detail=f"{__version__}, Python {sys.version.split()[0]}"),
        _cache(),
        _uv(),
        _sources(),
        _policy(),
        _malware(),
        _advisories(),
        *_engine(),
        _buildah(),
        *_indexes(),
        _program("hadolint", "what it says of Dockerfiles' style is left out", "optional"),
        _program("cosign", "an independent verifier, not used by imgforge", "optional"),
    ]


def _cache() -> Fact:
    try:
        path = cache.directory()
    except (ImgforgeError, OSError) as error:
        return Fact("cache", ok=False, detail=str(error), hint="set IMGFORGE_CACHE", needed=True)
    free = shutil.disk_usage(path).free >> 30
    return Fact("cache", ok=True, detail=f"{path}, {free} GiB free", needed=True)


def _uv() -> Fact:
    import importlib.metadata

    import uv

    try:
        path = uv.find_uv_bin()
    except FileNotFoundError:
        return Fact("uv", ok=False, detail="not found", hint="reinstall imgforge", needed=True)
    version = importlib.metadata.version("uv")
    return Fact("uv", ok=True, detail=f"{version}, {path}", needed=True)


def _program(name: str, purpose: str, hint: str) -> Fact:
    path = shutil.which(name)
    return Fact(name, ok=path is not None, detail=path or f"not found; {purpose}", hint=hint)


def _sources() -> Fact:
    from imgforge.bases import definitions, sources

    try:
        suite = definitions.load("static").suite_name
        detail = f"{suite} at {sources.find(suite).hosts('amd64')}"
    except ImgforgeError as error:
        return Fact("package archive", ok=False, detail=error.message, hint=error.hint or "")
    return Fact("package archive", ok=True, detail=detail)


def _policy() -> Fact:
    from imgforge import policy

    try:
        names = [name for name, _ in policy.layers(None)]
        policy.effective(None)
    except ImgforgeError as error:
        detail, hint = error.message, error.hint or ""
        return Fact("policy", ok=False, detail=detail, hint=hint, needed=True)
    return Fact("policy", ok=True, detail=", ".join(names) or "none is pinned", needed=True)


def _malware() -> Fact:
    from imgforge import malware

    try:
        engines = malware.scanner(None).engines()
    except ImgforgeError as error:
        return Fact("malware", ok=False, detail=error.message, hint=error.hint or "", needed=True)
    return Fact("malware", ok=True, detail=", ".join(engines), needed=True)


def _advisories() -> Fact:
    from imgforge.advisories.database import open_database
    from imgforge.advisories.whereabouts import FILL, place

    try:
        if not place().is_file():
            detail = f"no database at {place()}; nothing can be scanned for vulnerabilities"
            return Fact("advisories", ok=False, detail=detail, hint=FILL)
        with open_database() as database:
            status = database.status()
    except ImgforgeError as error:
        return Fact("advisories", ok=False, detail=error.message, hint=error.hint or "")
    oldest = min(status.imported.values(), default="never")
    return Fact(
        "advisories",
        ok=True,
        detail=f"{len(status.ecosystems)} ecosystems, oldest source of {oldest}, {status.path}",
    )


def _engine() -> list[Fact]:
    from imgforge.engines import buildkit, docker

    plugin = buildkit.buildx()
    facts = [
        Fact(
            "buildx",
            ok=plugin is not None,
            detail=str(plugin or "not found"),
            hint="install Docker's buildx plugin",
        )
    ]
    try:
        engine = docker.probe()
    except ImgforgeError as error:
        return [*facts, Fact("docker", ok=False, detail=error.message, hint=error.hint or "")]
    store = "containerd image store" if engine.containerd_store else "graph driver"
    where = os.environ.get("DOCKER_HOST", "the local socket")
    return [
        *facts,
        Fact(
            "docker",
            ok=engine.containerd_store,
            detail=f"{engine.version} at {where}, {store}",
            hint='turn on "containerd-snapshotter" under "features" in daemon.json',
        ),
        *([_platforms(plugin)] if plugin else []),
    ]


def _buildah() -> Fact:
    from imgforge.engines import buildah, containers

    program = containers.binary()
    reason = containers.trouble()
    if program is None or reason:
        hint = "install buildah and runc, and uidmap for users that are not root"
        return Fact("buildah", ok=False, detail=reason, hint=hint)
    ways = containers.isolation()[1::2]
    able = ", ".join(sorted(buildah.platforms()))
    detail = f"{containers.version(program)}, isolation {' by '.join(ways)}, commands of {able}"
    return Fact("buildah", ok=True, detail=detail)


def _indexes() -> list[Fact]:
    """Say which settings installing steps would see: their names, never what they hold."""
    from imgforge import settings
    from imgforge.indexes import INDEXES, machine

    facts = []
    try:
        own = settings.load()
        bundle = machine.authorities(own)
        names = [n for n in ("SSL_CERT_FILE",) if bundle is not None and os.environ.get(n)]
        names += ["network.ca"] if own.network.ca is not None else []
        detail = ", ".join(names) or "the builder's own"
        facts.append(Fact("steps: certificates", ok=True, detail=detail))
        found = ", ".join(machine.proxies())
        facts += [Fact("steps: proxies", ok=True, detail=found)] if found else []
    except ImgforgeError as error:
        hint = error.hint or ""
        return [Fact("steps: certificates", ok=False, detail=error.message, hint=hint, needed=True)]
    for name in INDEXES:
        try:
            origins = machine.given(name, own).origins
        except ImgforgeError as error:
            facts.append(Fact(f"steps: {name}", ok=False, detail=error.message, needed=True))
        else:
            facts += [Fact(f"steps: {name}", ok=True, detail=", ".join(origins))] if origins else []
    return facts


def _platforms(plugin: Path) -> Fact:
    from imgforge.engines import buildkit

    try:
        able = buildkit.platforms(plugin)
    except ImgforgeError as error:
        return Fact("platforms", ok=False, detail=error.message)
    return Fact(
        "platforms",
        ok={"linux/amd64", "linux/arm64"} <= able,
        detail="commands can be run of " + (", ".join(sorted(able)) or "none"),
        hint="install qemu-user-static where the engine runs, if others' commands must be run",
    )
