"""What signing is measured against: a Sigstore on loopback, and registries that keep or forget."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.images import KEPT

ROOT = Path(__file__).resolve().parents[1]
_DEB = "dpkg-deb --extract docker-registry_*.deb ."
_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Sigstore:
    """Where a Sigstore answers; ``registry`` is ``host:port`` of one that lists referrers."""

    issuer: str
    fulcio: str
    rekor: str
    tsa: str
    registry: str
    folder: Path

    def token(self) -> str:
        """Return a fresh token of :data:`IDENTITY`."""
        answer = httpx.get(f"{self.issuer}/token", params={"email": IDENTITY}, trust_env=False)
        return str(answer.raise_for_status().json()["value"])


IDENTITY = "bench@example.com"


@contextlib.contextmanager
def sigstore(folder: Path) -> Iterator[Sigstore]:
    """Start ``dev/sigstore`` with its files in ``folder``; SystemExit if it is not built."""
    environ = {**os.environ, "PYTHON": sys.executable}
    with subprocess.Popen(
        [ROOT / "dev/sigstore", "up", folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environ,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SystemExit("the local Sigstore did not start (dev/sigstore build)")
        said = json.loads(line)
        try:
            yield Sigstore(
                said["issuer"],
                said["fulcio"],
                said["rekor"],
                said["tsa"],
                said["registry"],
                Path(said["folder"]),
            )
        finally:
            process.stdin.close()  # it ends with its standard input
            process.wait(timeout=20)


@contextlib.contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Start docker-registry with its blobs in ``folder``; return ``host:port``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    folder.mkdir()
    config = folder / "config.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'data'}}}}}\nhttp: {{addr: {place}}}\n"
    )
    said = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([_docker_registry(), "serve", config], **said) as process:  # type: ignore[call-overload]
        try:
            _answers(place)
            yield place
        finally:
            process.terminate()


@contextlib.contextmanager
def counted(place: str) -> Iterator[tuple[str, list[int]]]:
    """Stand before ``place``; return where, and a list whose first item is the bytes sent to it."""
    count, host = [0], place.rpartition(":")
    listening = socket.create_server(("127.0.0.1", 0))

    def copy(source: socket.socket, target: socket.socket, counted: list[int]) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                counted[0] += len(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def serve(client: socket.socket) -> None:
        with client, socket.create_connection((host[0], int(host[2]))) as server:
            back = threading.Thread(target=copy, args=(server, client, [0]), daemon=True)
            back.start()
            copy(client, server, count)
            back.join()

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listening.accept()
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"127.0.0.1:{listening.getsockname()[1]}", count
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def _answers(place: str) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"http://{place}/v2/", trust_env=False)
            return
        time.sleep(0.05)
    raise SystemExit("docker-registry does not answer")


def _docker_registry() -> str:
    """Find docker-registry, or take it from Debian's archive as the machine's apt knows it."""
    found = shutil.which("docker-registry")
    if found:
        return found
    place = KEPT / "docker-registry"
    program = place / "usr/bin/docker-registry"
    if not program.is_file():
        place.mkdir(parents=True, exist_ok=True)
        for command in (["apt-get", "-qq", "download", "docker-registry"], ["sh", "-c", _DEB]):
            done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise SystemExit(f"docker-registry is missing, and apt has none:\n{done.stderr}")
    return str(program)
