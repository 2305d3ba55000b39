"""The Docker Engine's API: what it can do, and loading an image into its store."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import re
import socket
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from imgforge import cache
from imgforge.errors import BuildFailedError, InvalidInputError, ToolMissingError, TransientError
from imgforge.oci.layout import Layout, references
from imgforge.oci.types import INDEX, INDEXES, Descriptor, canonical_json, sha256

if TYPE_CHECKING:
    from docker import DockerClient

TIMEOUT = 600
"""Seconds that one call to the engine may take; loading a large image takes long."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*")
_PIECE = 1 << 20

HINT = "start the Docker Engine, or name it in DOCKER_HOST"


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What was found out about the engine."""

    version: str
    architecture: str
    containerd_store: bool


@contextlib.contextmanager
def client() -> Iterator[DockerClient]:
    """Connect to the engine that DOCKER_HOST names, or the local one; ToolMissingError if none."""
    import docker
    from docker.errors import DockerException

    host = _host()
    if host.startswith("unix://") and not Path(host.removeprefix("unix://")).is_socket():
        raise ToolMissingError(f"there is no Docker Engine at {host}", hint=HINT)
    try:
        connection = docker.from_env(
            timeout=TIMEOUT, environment={**os.environ, "DOCKER_HOST": host}
        )
    except (DockerException, ValueError) as error:
        raise ToolMissingError(f"DOCKER_HOST is not usable: {error}", hint=HINT) from error
    with contextlib.closing(connection):
        try:
            connection.ping()
        except (DockerException, OSError) as error:
            raise ToolMissingError(f"no Docker Engine answers at {host}", hint=HINT) from error
        yield connection


@functools.cache
def probe() -> EngineInfo:
    """Ask the engine about itself; ToolMissingError if none is reachable.

    The answer of a local engine is kept for as long as its socket is the same file: an engine
    that restarts makes a new one.
    """
    host = _host()
    path = Path(host.removeprefix("unix://"))
    if not host.startswith("unix://") or not path.is_socket():
        return _ask()
    status = path.stat()
    identity = sha256(f"{host} {status.st_dev} {status.st_ino} {status.st_ctime_ns}".encode())
    note = cache.directory("engines") / identity.removeprefix("sha256:")
    try:
        _answers(path)
        return EngineInfo(**json.loads(note.read_bytes()))
    except (OSError, ValueError, TypeError):
        info = _ask()
        cache.write(note, json.dumps(asdict(info)).encode())
        return info


def _answers(path: Path) -> None:
    """Connect to a socket and leave; OSError if nobody listens."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(path))


def _host() -> str:
    """Find the engine as the docker command does: DOCKER_HOST, then the chosen context."""
    return os.environ.get("DOCKER_HOST") or _context_host() or "unix:///var/run/docker.sock"


def _context_host() -> str:
    """Return the address of the context that DOCKER_CONTEXT or Docker's configuration chose.

    Rootless engines and desktop applications listen elsewhere than the default and say so in a
    context. Empty if none is chosen; ToolMissingError if it cannot be read.
    """
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    name = os.environ.get("DOCKER_CONTEXT", "")
    if not name:
        try:
            name = str(json.loads((folder / "config.json").read_bytes()).get("currentContext", ""))
        except (OSError, ValueError, AttributeError):
            return ""
    if name in {"", "default"}:
        return ""
    digest = sha256(name.encode()).removeprefix("sha256:")
    try:
        meta = json.loads((folder / "contexts" / "meta" / digest / "meta.json").read_bytes())
        return str(meta["Endpoints"]["docker"]["Host"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ToolMissingError(
            f"the Docker context {name!r} cannot be read", hint="name the engine in DOCKER_HOST"
        ) from error


def _ask() -> EngineInfo:
    with client() as connection:
        info = connection.info()
    status = dict(pair for pair in info.get("DriverStatus") or () if len(pair) == 2)  # noqa: PLR2004
    store = str(status.get("driver-type", "")).startswith("io.containerd.snapshotter")
    machine = str(info.get("Architecture", ""))
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    return EngineInfo(str(info.get("ServerVersion", "unknown")), architecture, store)


def load(layout: Layout, image: Descriptor, names: list[str]) -> None:
    """Put ``image`` into the engine's store under ``names`` (``repository:tag``).

    The archive is an OCI layout that also carries Docker's own ``manifest.json``, so engines with
    either image store read it; blobs are streamed, never copied to disk.
    """
    failures: list[OSError] = []

    def feed(descriptor: int) -> None:
        try:
            with os.fdopen(descriptor, "wb") as sink:
                archive(layout, image, names, sink)
        except OSError as error:
            failures.append(error)

    with client() as connection:
        reading, writing = os.pipe()
        feeder = threading.Thread(target=feed, args=(writing,))
        feeder.start()
        try:
            with os.fdopen(reading, "rb") as source:
                answers = list(connection.api.load_image(source))  # type: ignore[no-untyped-call]
        finally:
            feeder.join()
        refused = [str(a["error"]) for a in answers if isinstance(a, dict) and a.get("error")]
        refused += [str(error) for error in failures]
        if refused:
            raise BuildFailedError("the Docker Engine did not load the image", details=refused)
        for name in names:
            connection.images.get(name)


def save(name: str, take: Callable[[bytes], object]) -> None:
    """Give ``take`` the archive of the image ``name`` (or an id) in the engine's store, in pieces.

    InvalidInputError if the name is malformed or the store has no such image, ToolMissingError if
    no engine is reachable, TransientError if the engine breaks off.
    """
    from docker.errors import DockerException, NotFound
    from requests.exceptions import RequestException

    if not _NAME.fullmatch(name) or ".." in name:
        raise InvalidInputError(f"not the name of an image in Docker's store: {name!a}")
    with client() as connection:
        try:
            for piece in connection.api.get_image(name, _PIECE):
                take(piece)
        except NotFound as error:
            raise InvalidInputError(
                f"Docker's store has no image {name}",
                hint=f"docker pull {name}, or name the registry's: docker://{name}",
            ) from error
        except (DockerException, RequestException) as error:
            raise TransientError(
                f"the Docker Engine broke off while it saved {name}: {error}",
                hint="run the same command again, or look into the engine's log",
            ) from error


def archive(layout: Layout, image: Descriptor, names: list[str], out: IO[bytes]) -> None:
    """Write ``image`` as one tar archive that ``docker load`` and OCI tools read."""
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": _named(image, names)}
    manifests = []
    digests: list[Descriptor] = [image]
    if image.media_type in INDEXES:
        digests += layout.children(image)
    blobs: dict[str, Descriptor] = {d.digest: d for d in digests}
    for manifest in layout.images(image):
        config, *layers = references(layout.read_json(manifest))
        blobs |= {d.digest: d for d in (config, *layers)}
        manifests.append(
            {
                "Config": _blob(config),
                "RepoTags": names,
                "Layers": [_blob(layer) for layer in layers],
            }
        )
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        _member(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _member(tar, "index.json", canonical_json(index))
        _member(tar, "manifest.json", json.dumps(manifests[:1]).encode())
        for descriptor in blobs.values():
            entry = tarfile.TarInfo(_blob(descriptor))
            entry.size = descriptor.size
            with layout.blob_path(descriptor.digest).open("rb") as file:
                tar.addfile(entry, file)


def _named(image: Descriptor, names: list[str]) -> list[dict[str, object]]:
    plain = Descriptor(image.media_type, image.digest, image.size, platform=image.platform)
    entries = []
    for name in names:
        full = (
            name if "/" in name and ("." in name.split("/")[0]) else f"docker.io/{_library(name)}"
        )
        notes = {
            "io.containerd.image.name": full,
            "org.opencontainers.image.ref.name": name.rpartition(":")[2],
        }
        entries.append({**plain.to_json(), "annotations": notes})
    return entries


def _library(name: str) -> str:
    return name if "/" in name else f"library/{name}"


def _blob(descriptor: Descriptor) -> str:
    return "blobs/" + descriptor.digest.replace(":", "/")


def _member(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))
