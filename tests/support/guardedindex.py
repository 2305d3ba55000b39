"""A package index with TLS and credentials, where steps of a build can reach it."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import authority
from running import docker


@dataclass
class GuardedIndex:
    """Serves ``files`` (path → content) to whoever sends ``credential`` as Authorization.

    ``bundle`` are the authorities that the machine trusts, and the index's own. ``served`` and
    ``refused`` are the paths that were asked for with and without the credential.
    """

    address: str
    credential: str
    bundle: Path
    files: dict[str, bytes] = field(default_factory=dict)
    served: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"https://{self.address}"


@contextmanager
def started(folder: Path, credential: str) -> Iterator[GuardedIndex]:
    """Serve on the engine's bridge, which steps reach and nobody outside this machine does."""
    host = docker(
        *("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
    ).stdout.strip()
    authority.make(folder, host)
    bundle = folder / "bundle.pem"
    known = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    texts = [Path(known).read_bytes()] if known and Path(known).is_file() else []
    bundle.write_bytes(b"\n".join([*texts, (folder / "ca.pem").read_bytes()]))
    index = GuardedIndex("", credential, bundle)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers.get("Authorization") == index.credential
            (index.served if known else index.refused).append(self.path)
            body = index.files.get(self.path) if known else None
            self.send_response(200 if body is not None else 404 if known else 401)
            if not known:
                self.send_header("WWW-Authenticate", 'Basic realm="index"')
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((host, 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    index.address = f"{host}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
