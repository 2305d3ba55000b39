"""A registry in memory on loopback that can be told to fail, lie or demand a log-in."""

from __future__ import annotations

import contextlib
import json
import re
import ssl
import threading
import time
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
    """What to answer; ``cut`` sends only half of the body and closes, ``cut_at`` as many bytes.

    ``raw`` is sent instead of all else, and then the connection is closed; ``endless`` repeats the
    body until the client goes away, with ``pause`` seconds after each.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: bool = False
    cut_at: int | None = None
    raw: bytes | None = None
    endless: bool = False
    pause: float = 0.0


Fault = Callable[[Seen], Reply | None]
HangUp = Callable[[str, str], int | None]
"""By method and path: after how many bytes of the request's body the connection is closed."""


@dataclass
class FakeRegistry:
    """The state; ``fault`` may answer instead, ``referrers_api`` is distribution-spec 1.1.

    ``ranges``: parts of blobs are given. ``keeps``: of an upload that broke, what came stays.
    """

    place: str = ""
    referrers_api: bool = False
    ranges: bool = True
    keeps: bool = True
    page: int = 0
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    fault: Fault = lambda _: None
    hang_up: HangUp = lambda _, __: None
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
        matched = re.fullmatch(r"/v2/(.+?)/(manifests|blobs|referrers|uploads|tags)/(.*)", url.path)
        if matched is None:
            return Reply(404)
        kind, name = matched[2], matched[3]
        if kind == "manifests":
            return self._manifest(seen, name)
        if kind in {"referrers", "tags"}:
            return self._referrers(name) if kind == "referrers" else self._tags(query)
        if name.startswith("uploads/"):
            return self._upload(seen, matched[1], name.removeprefix("uploads/"), query)
        found = self.blobs.get(name)
        return Reply(404) if found is None else self._part(seen, found)

    def _part(self, seen: Seen, data: bytes) -> Reply:
        asked = re.fullmatch(r"bytes=(\d+)-", seen.headers.get("range", ""))
        if asked is None or not self.ranges:
            return Reply(200, {}, data)
        start = int(asked[1])
        if start >= len(data):
            return Reply(416)
        headers = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        return Reply(206, headers, data[start:])

    def broken(self, path: str, body: bytes) -> None:
        """Note what came of an upload before the connection was closed."""
        session = urlsplit(path).path.rpartition("/")[2]
        with self.lock:
            if self.keeps:
                self.uploads[session] += body
            else:
                self.uploads.pop(session, None)

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

    def _tags(self, query: dict[str, str]) -> Reply:
        """List tags, ``page`` of them at a time if that is set."""
        names = sorted(self.tags)
        if not names:
            return Reply(404)
        rest = [name for name in names if name > query.get("last", "")]
        shown = rest[: self.page] if self.page else rest
        headers = {"Content-Type": "application/json"}
        if len(shown) < len(rest):
            headers["Link"] = f'</v2/x/tags/list?last={shown[-1]}>; rel="next"'
        return Reply(200, headers, json.dumps({"name": "x", "tags": shown}).encode())

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
            return self._begun(where, query)
        if session not in self.uploads:
            return Reply(404)
        location = f"http://{self.place}{where}{session}"
        start = seen.headers.get("content-range", "").partition("-")[0]
        if start and int(start) != len(self.uploads[session]):
            return Reply(416)
        if seen.method == "PUT" and seen.body and not start:
            self.uploads[session] = b""
        self.uploads[session] += seen.body
        if seen.method in ("GET", "PATCH"):
            taken = f"0-{max(len(self.uploads[session]) - 1, 0)}"
            status = 204 if seen.method == "GET" else 202
            return Reply(status, {"Location": location, "Range": taken})
        return self._finished(session, query["digest"])

    def _begun(self, where: str, query: dict[str, str]) -> Reply:
        if query.get("mount") in self.blobs and query.get("from") == "other":
            return Reply(201)
        session = str(len(self.uploads))
        self.uploads[session] = b""
        return Reply(202, {"Location": f"{where}{session}?state=a%2Fb"})

    def _finished(self, session: str, digest: str) -> Reply:
        data = self.uploads[session]
        if sha256(data) != digest:
            return Reply(400, {}, b'{"errors":[{"code":"DIGEST_INVALID","message":"no"}]}')
        self.blobs[digest] = data
        return Reply(201)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    registry: FakeRegistry

    def handle_one_request(self) -> None:
        with contextlib.suppress(OSError):
            super().handle_one_request()
            return
        self.close_connection = True

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        most = self.registry.hang_up(self.command, self.path)
        if most is not None and length:
            self.registry.broken(self.path, self.rfile.read(min(most, length)))
            self.close_connection = True
            return
        body = self.rfile.read(length)
        headers = {k.lower(): v for k, v in self.headers.items()}
        self._reply(self.registry.answer(Seen(self.command, self.path, headers, body)))

    def _reply(self, reply: Reply) -> None:
        self.close_connection = True
        if reply.raw is not None:
            self.wfile.write(reply.raw)
            return
        self.send_response(reply.status)
        length = {} if reply.endless else {"Content-Length": str(len(reply.body))}
        for name, value in {**length, **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        cut = len(reply.body) // 2 if reply.cut else reply.cut_at
        if self.command != "HEAD":
            self.wfile.write(reply.body[:cut])
            while reply.endless:
                time.sleep(reply.pause)
                self.wfile.write(reply.body)
        self.close_connection = cut is not None

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _serve  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def serve(registry: FakeRegistry, tls: ssl.SSLContext | None = None) -> Iterator[FakeRegistry]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    handler = type("Handler", (_Handler,), {"registry": registry})
    server = _Server(("127.0.0.1", 0), handler)
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
