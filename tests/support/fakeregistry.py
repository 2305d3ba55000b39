"""A registry in memory on loopback that can be told to fail, lie or demand a log-in."""

from __future__ import annotations

import contextlib
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from imgforge.oci.types import INDEX, sha256


@dataclass
class Seen:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """What to answer; ``cut`` sends only half of the body and closes."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: bool = False


Fault = Callable[[Seen], Reply | None]


@dataclass
class FakeRegistry:
    """The state; ``fault`` may answer instead, ``referrers_api`` is distribution-spec 1.1."""

    place: str = ""
    referrers_api: bool = False
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    fault: Fault = lambda _: None
    lock: threading.RLock = field(default_factory=threading.RLock)

    def answer(self, seen: Seen) -> Reply:
        with self.lock:
            self.seen.append(seen)
            return self.fault(seen) or self._honest(seen)

    def calls(self, method: str, part: str = "") -> list[Seen]:
        return [s for s in self.seen if s.method == method and part in s.path]

    def _honest(self, seen: Seen) -> Reply:
        url = urlsplit(seen.path)
        query = {k: v[0] for k, v in parse_qs(url.query).items()}
        if url.path == "/v2/":
            return Reply(200)
        matched = re.fullmatch(r"/v2/(.+?)/(manifests|blobs|referrers|uploads)/(.*)", url.path)
        if matched is None:
            return Reply(404)
        kind, name = matched[2], matched[3]
        if kind == "manifests":
            return self._manifest(seen, name)
        if kind == "referrers":
            return self._referrers(name)
        if name.startswith("uploads/"):
            return self._upload(seen, matched[1], name.removeprefix("uploads/"), query)
        found = self.blobs.get(name)
        return Reply(404) if found is None else Reply(200, {}, found)

    def _manifest(self, seen: Seen, name: str) -> Reply:
        digest = self.tags.get(name, name)
        if seen.method != "PUT":
            if digest not in self.manifests:
                return Reply(404)
            media, data = self.manifests[digest]
            return Reply(200, {"Content-Type": media, "Docker-Content-Digest": digest}, data)
        digest = sha256(seen.body)
        self.manifests[digest] = (seen.headers["content-type"], seen.body)
        if not name.startswith("sha256:"):
            self.tags[name] = digest
        elif name != digest:
            return Reply(400)
        headers = {"Docker-Content-Digest": digest, "Location": seen.path}
        subject = json.loads(seen.body).get("subject")
        if self.referrers_api and subject:
            headers["OCI-Subject"] = subject["digest"]
        return Reply(201, headers)

    def _referrers(self, digest: str) -> Reply:
        if not self.referrers_api:
            return Reply(404)
        entries: list[dict[str, Any]] = []
        for name, (media, data) in self.manifests.items():
            if (json.loads(data).get("subject") or {}).get("digest") == digest:
                entries.append({"mediaType": media, "digest": name, "size": len(data)})
        body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
        return Reply(200, {"Content-Type": INDEX}, body)

    def _upload(self, seen: Seen, repository: str, session: str, query: dict[str, str]) -> Reply:
        where = f"/v2/{repository}/blobs/uploads/"
        if seen.method == "POST":
            if query.get("mount") in self.blobs and query.get("from") == "other":
                return Reply(201)
            session = str(len(self.uploads))
            self.uploads[session] = b""
            return Reply(202, {"Location": f"{where}{session}?state=a%2Fb"})
        self.uploads[session] += seen.body
        if seen.method == "PATCH":
            return Reply(202, {"Location": f"http://{self.place}{where}{session}"})
        data = self.uploads[session]
        if sha256(data) != query["digest"]:
            return Reply(400, {}, b'{"errors":[{"code":"DIGEST_INVALID","message":"no"}]}')
        self.blobs[query["digest"]] = data
        return Reply(201)


@contextlib.contextmanager
def serve(registry: FakeRegistry, tls: ssl.SSLContext | None = None) -> Iterator[FakeRegistry]:
    """Serve on a free port of 127.0.0.1 until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_one_request(self) -> None:
            with contextlib.suppress(OSError):
                super().handle_one_request()
                return
            self.close_connection = True

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {k.lower(): v for k, v in self.headers.items()}
            reply = registry.answer(Seen(self.command, self.path, headers, body))
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body[: len(reply.body) // 2] if reply.cut else reply.body)
            self.close_connection = reply.cut

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _serve  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    registry.place = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
