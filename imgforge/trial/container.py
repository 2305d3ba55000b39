"""A container under trial: confined as one would run it in earnest, and gone afterwards."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgforge.engines import docker
from imgforge.errors import BuildFailedError, InvalidInputError, ToolMissingError

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

HOST = "127.0.0.1"
_LABELS = "dev.imgforge.run."


@dataclass(frozen=True, slots=True)
class Image:
    """An image in the engine's store, and what it says of how it is to be run.

    ``health`` is the program and arguments of its health check, empty if it has none.
    """

    name: str
    user: str
    entrypoint: tuple[str, ...]
    health: tuple[str, ...]
    required_env: tuple[str, ...]
    secrets: tuple[str, ...]
    writable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a container ended, and what it said."""

    code: int
    killed: bool
    output: str
    error: str


@contextlib.contextmanager
def connected() -> Iterator[DockerClient]:
    """Connect to this machine's Docker Engine.

    ToolMissingError if there is none: files of this machine are mounted, and ports asked on it.
    """
    host = os.environ.get("DOCKER_HOST", "")
    if host and not host.startswith("unix://"):
        raise ToolMissingError(
            f"images are tried on this machine, and DOCKER_HOST names {host}", hint=docker.HINT
        )
    with docker.client() as client:
        yield client


def inspect(client: DockerClient, name: str) -> Image:
    """Read what the image ``name`` says of itself; InvalidInputError if the store has none."""
    from docker.errors import ImageNotFound

    try:
        config = client.api.inspect_image(name)["Config"]  # type: ignore[no-untyped-call]
    except ImageNotFound as error:
        raise InvalidInputError(
            f"the Docker Engine has no image {name}", hint="imgforge build --load puts it there"
        ) from error
    labels: Mapping[str, str] = config.get("Labels") or {}

    def listed(what: str) -> tuple[str, ...]:
        return tuple(filter(None, labels.get(_LABELS + what, "").split(",")))

    test = (config.get("Healthcheck") or {}).get("Test") or []
    return Image(
        name,
        config.get("User") or "",
        tuple(config.get("Entrypoint") or ()),
        tuple(test[1:]) if test[:1] == ["CMD"] else (),
        listed("required-env"),
        listed("secrets"),
        listed("writable"),
    )


class Trial:
    """A started container: read-only, without capabilities, writable only where it is declared."""

    def __init__(self, container: Container) -> None:
        self._container = container

    def ended(self) -> bool:
        """Whether its program has ended."""
        self._container.reload()
        return self._container.status in {"exited", "dead"}

    def port(self, number: int) -> int:
        """Return the port of this machine where the container's TCP port is reached."""
        self._container.reload()
        found = self._container.ports.get(f"{number}/tcp")
        if not found:
            raise BuildFailedError(f"port {number} of the container is not published")
        return int(found[0]["HostPort"])

    def execute(self, argv: Sequence[str]) -> tuple[int, str]:
        """Run a program inside; return its exit code and what it said."""
        from docker.errors import APIError

        try:
            done = self._container.exec_run(list(argv))
        except APIError as error:  # it ended meanwhile, or has no such program
            return 127, str(error.explanation)
        said = done.output if isinstance(done.output, bytes) else b""
        return 1 if done.exit_code is None else done.exit_code, said.decode(errors="replace")

    def stop(self, grace: int) -> float:
        """Ask it to end, kill it after ``grace`` seconds; return how long that took."""
        start = time.monotonic()
        self._container.stop(timeout=grace)
        return time.monotonic() - start

    def wait(self, seconds: float) -> bool:
        """Wait for its end; return whether it came within ``seconds``."""
        from requests.exceptions import RequestException

        try:
            self._container.wait(timeout=seconds)
        except RequestException:  # the engine's answer did not come: it still runs
            return False
        return True

    def logs(self) -> str:
        """Return what it said so far, on both streams."""
        return bytes(self._container.logs()).decode(errors="replace")

    def result(self) -> Ended:
        """Return how it ended."""
        self._container.reload()
        state: Mapping[str, Any] = self._container.attrs["State"]
        said = [
            bytes(self._container.logs(stdout=out, stderr=not out)).decode(errors="replace")
            for out in (True, False)
        ]
        return Ended(int(state["ExitCode"]), bool(state.get("OOMKilled")), *said)


@contextlib.contextmanager
def started(
    client: DockerClient,
    image: Image,
    *,
    arguments: Sequence[str] = (),
    env: Mapping[str, str],
    secrets: Mapping[str, Path],
    port: int | None = None,
    given: str | None = None,
) -> Iterator[Trial]:
    """Start a container and remove it in the end, with its volumes.

    ``secrets`` are the files to mount, ``given`` its standard input. BuildFailedError if the
    engine cannot start it.
    """
    from docker.errors import APIError
    from docker.types import Mount

    # A volume begins as the image has the directory: its owner is part of the trial.
    mounts = [Mount(path, None, type="volume") for path in image.writable]
    mounts += [
        Mount(f"/run/secrets/{name}", str(file), type="bind", read_only=True)
        for name, file in secrets.items()
    ]
    try:
        container = client.containers.create(
            image.name,
            list(arguments) or None,
            environment=dict(env),
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            tmpfs={"/tmp": ""},  # noqa: S108 - the container's own
            mounts=mounts,
            ports={f"{port}/tcp": (HOST, 0)} if port is not None else {},
            stdin_open=given is not None,
        )
    except APIError as error:
        raise BuildFailedError(f"{image.name} cannot be run: {error.explanation}") from error
    try:
        try:
            if given is not None:
                _feed(client, container, given.encode())
            else:
                container.start()
        except APIError as error:
            raise BuildFailedError(
                f"{image.name} cannot be started: {error.explanation}"
            ) from error
        yield Trial(container)
    finally:
        with contextlib.suppress(APIError):
            container.remove(force=True, v=True)


def _feed(client: DockerClient, container: Container, data: bytes) -> None:
    """Start the container with ``data`` as its whole standard input."""
    import socket

    wanted = {"stdin": 1, "stream": 1}
    stream = client.api.attach_socket(container.id or "", params=wanted)
    raw: socket.socket = getattr(stream, "_sock", stream)
    with contextlib.closing(stream), contextlib.closing(raw):
        container.start()
        with contextlib.suppress(BrokenPipeError):  # it ended without reading all of it
            raw.sendall(data)
            raw.shutdown(socket.SHUT_WR)
