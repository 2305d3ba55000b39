"""A private index: HTTPS with a company's own authority, and a password that nobody finds again."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import authority
import madearchive
import pytest
from running import EXAMPLES, docker, imgforge

USER, WORD = "reader", "not-known-to-anyone-else"
NAME = "imgforge_private-1.0-py3-none-any.whl"
SPEC = """\
[image]
name = "imgforge-test/private"
title = "Private"
licenses = "Apache-2.0"
version = "1"

[stack]
name = "python"
parameters = { installer = "INSTALLER" }

[app]
source = ["app"]
lock = "requirements.txt"
entrypoint = ["/usr/bin/python3", "-m", "app"]
"""


def wheel() -> bytes:
    info = "imgforge_private-1.0.dist-info"
    metadata = b"Metadata-Version: 2.1\nName: imgforge-private\nVersion: 1.0\n"
    tags = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    return madearchive.zipped(
        ("imgforge_private.py", b"ANSWER = 42\n"),
        (f"{info}/METADATA", metadata),
        (f"{info}/WHEEL", tags),
        (f"{info}/RECORD", b""),
    )


class Index:
    """A server with one package; ``refused`` counts those who came without the password."""

    def __init__(self, folder: Path, address: str) -> None:
        authority.make(folder, address)
        self.authority = folder / "ca.pem"
        self.wheel, self.refused, self.served = wheel(), 0, 0
        index, seal = self, base64.b64encode(f"{USER}:{WORD}".encode()).decode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.headers.get("Authorization") != f"Basic {seal}":
                    index.refused += 1
                    self.answer(401, b"", "text/plain")
                elif self.path == "/simple/imgforge-private/":
                    self.answer(200, index.page(), "text/html")
                elif self.path == f"/files/{NAME}":
                    index.served += 1
                    self.answer(200, index.wheel, "application/zip")
                else:
                    self.answer(404, b"", "text/plain")

            def do_HEAD(self) -> None:
                self.do_GET()

            def answer(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                if status == 401:
                    self.send_header("WWW-Authenticate", 'Basic realm="index"')
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        # Steps reach this machine by the address of the engine's bridge, never by loopback.
        self.server = http.server.ThreadingHTTPServer((address, 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        place = f"{address}:{self.server.server_port}"
        self.url = f"https://{USER}:{WORD}@{place}/simple/"
        self.bare = f"https://{place}/simple/"

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.wheel).hexdigest()

    def page(self) -> bytes:
        return f'<a href="/files/{NAME}#sha256={self.digest}">{NAME}</a>'.encode()


@pytest.fixture(scope="module")
def index(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:  # noqa: ARG001 - its bridge is asked for
    asked = ("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
    made = Index(tmp_path_factory.mktemp("index"), docker(*asked).stdout.strip())
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def project(folder: Path, index: Index, installer: str) -> Path:
    """Write a project whose bases are those of an example, so that nothing is resolved."""
    (folder / "app").mkdir(parents=True)
    (folder / "app/__main__.py").write_text("import imgforge_private as p\nprint(p.ANSWER)\n")
    (folder / "imgforge.toml").write_text(SPEC.replace("INSTALLER", installer))
    (folder / "imgforge.lock").write_bytes((EXAMPLES / "python-cli/imgforge.lock").read_bytes())
    pin = f"imgforge-private==1.0 --hash=sha256:{index.digest}\n"
    (folder / "requirements.txt").write_text(pin)
    imgforge("lock", "--check", cwd=folder)
    return folder


@pytest.mark.parametrize(
    ("engine_name", "installer", "variable"),
    [
        ("native", "uv", "UV_DEFAULT_INDEX"),
        ("buildkit", "uv", "UV_DEFAULT_INDEX"),
        ("buildkit", "pip", "PIP_INDEX_URL"),
    ],
)
def test_a_password_and_an_authority_serve_the_step_and_leave_no_trace(
    index: Index, tmp_path: Path, engine_name: str, installer: str, variable: str
) -> None:
    folder = project(tmp_path / "project", index, installer)
    env = {variable: index.url, "SSL_CERT_FILE": str(index.authority)}
    if installer == "pip":  # of Debian 13: cannot check the certificate of an address, only names
        env["PIP_TRUSTED_HOST"] = index.bare.split("/")[2]
    before = index.served
    flags = ("--engine", engine_name, "--no-cache", "--load", "--tag", installer, "-v")
    said = imgforge("build", *flags, cwd=folder, env=env)
    assert index.served > before or installer == "uv"  # uv may have it in its cache
    assert WORD not in said.stdout + said.stderr
    files = [p for p in (folder / ".imgforge").rglob("*") if p.is_file()]
    assert files
    for path in files:
        data = path.read_bytes()
        assert WORD.encode() not in data, path
        if data[:2] == b"\x1f\x8b":
            assert WORD.encode() not in gzip.decompress(data), path
    name = f"imgforge-test/private:{installer}"
    try:
        assert docker("run", "--rm", "--read-only", name).stdout == "42\n"
    finally:
        docker("image", "rm", "--force", name)


@pytest.mark.parametrize("engine_name", ["native", "buildkit"])
def test_without_the_password_nothing_is_built(
    index: Index, tmp_path: Path, engine_name: str
) -> None:
    folder = project(tmp_path / "project", index, "uv")
    text = (folder / "requirements.txt").read_text().replace("==1.0", "==1.1")
    (folder / "requirements.txt").write_text(text)  # another version is in no cache
    before = index.refused
    env = {"UV_DEFAULT_INDEX": index.bare, "SSL_CERT_FILE": str(index.authority)}
    said = imgforge("build", "--engine", engine_name, cwd=folder, env=env, code=4)
    assert index.refused > before
    assert "imgforge-private" in said.stderr or "401" in said.stderr
