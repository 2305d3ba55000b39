"""Debian's docker-registry (2.8: no referrers API) in a container, with a configuration of choice.

The image is the one that imgforge builds for the tests.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import ssl
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
from running import docker

USER, PASSWORD = "us", "made up"
HTPASSWD = "us:$2b$05$abcdefghijklmnopqrstuuwul6M45OMsfiQ7j8R7CTa9aLYGDMnYO\n"
TLS = {"certificate": "/secured/server.pem", "key": "/secured/server.key"}
"""Files that :func:`authority.make` writes; the folder is the container's ``/secured``."""

_NUMBERS = itertools.count()


@contextlib.contextmanager
def started(
    image: str,
    folder: Path,
    *,
    auth: Mapping[str, object] | None = None,
    tls: Mapping[str, object] | None = None,
) -> Iterator[str]:
    """Run the registry while the block lasts, and give its place, ``localhost:port``.

    ``auth`` and ``tls`` are sections of its configuration; without ``tls`` it speaks plain HTTP.
    """
    configuration = {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": "/var/lib/registry"},
            "delete": {"enabled": True},
        },
        "http": {"addr": ":5000", **({"tls": tls} if tls else {})},
        **({"auth": auth} if auth else {}),
    }
    (folder / "htpasswd").write_text(HTPASSWD)
    # JSON is YAML.
    (folder / "config.yml").write_text(json.dumps(configuration))
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    name = f"imgforge-test-{os.getpid()}-{next(_NUMBERS)}"
    docker(
        *("run", "--detach", "--rm", "--name", name, "--read-only", "--cap-drop", "ALL"),
        *("--publish", "127.0.0.1::5000", "--volume", f"{folder}:/secured:ro"),
        *("--volume", "/var/lib/registry", "--entrypoint", "/usr/bin/docker-registry"),
        *(image, "serve", "/secured/config.yml"),
    )
    try:
        place = "localhost:" + docker("port", name, "5000/tcp").stdout.strip().rpartition(":")[2]
        _await(place, folder if tls else None)
        yield place
    finally:
        docker("rm", "--force", "--volumes", name)


def _await(place: str, folder: Path | None) -> None:
    context = ssl.create_default_context()
    if folder is not None:
        context.load_verify_locations(folder / "ca.pem")
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
    url = f"{'http' if folder is None else 'https'}://{place}/v2/"
    until = time.monotonic() + 20
    while True:
        try:
            status = httpx.get(url, timeout=2, verify=context, trust_env=False).status_code
        except httpx.TransportError:
            assert time.monotonic() < until, "the registry does not answer"
            time.sleep(0.1)
        else:
            assert status in (200, 401)
            return
