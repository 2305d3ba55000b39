"""A proxy on loopback before a real registry: it counts requests, and can act after each.

The registry has done what was asked when ``after`` is called; the client has not heard of it yet.
"""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


@dataclass
class Proxy:
    """``place`` is host:port; ``seen`` are the requests that were done, method and path."""

    place: str = ""
    seen: list[tuple[str, str]] = field(default_factory=list)
    after: Callable[[int], None] = lambda _: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, method: str, path: str) -> None:
        """Note one request; the lock keeps those after it from passing it."""
        with self.lock:
            self.seen.append((method, path))
            self.after(len(self.seen))

    def calls(self, method: str, part: str) -> list[str]:
        """Return the paths with ``part`` in them that were asked for with ``method``."""
        return [path for verb, path in self.seen if verb == method and part in path]


@contextlib.contextmanager
def before(registry: str) -> Iterator[Proxy]:
    """Stand before ``registry`` (host:port, plain HTTP) until the block ends."""
    proxy = Proxy()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            # The registry names itself by the Host it was asked as, so that its places lead here.
            sent = {k: v for k, v in self.headers.items() if k.lower() not in _HOP}
            connection = http.client.HTTPConnection(registry, timeout=30)
            try:
                connection.request(self.command, self.path, body or None, sent)
                answer = connection.getresponse()
                data = answer.read()
            finally:
                connection.close()
            proxy.count(self.command, self.path)
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _pass  # noqa: N815 - its names

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    proxy.place = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
