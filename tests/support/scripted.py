"""An HTTP service on loopback that answers by script and keeps what it was sent."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered; ``slow`` is the pause in seconds before each byte of the body."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    slow: float = 0.0


@dataclass
class Scripted:
    """The service: answers are taken in order, the last one again and again."""

    url: str
    answers: list[Answer | Callable[[bytes], Answer]]
    asked: list[tuple[str, str, Mapping[str, str], bytes]] = field(default_factory=list)


@contextlib.contextmanager
def scripted(
    *answers: Answer | Callable[[bytes], Answer], tls: ssl.SSLContext | None = None
) -> Iterator[Scripted]:
    """Serve on a free port of 127.0.0.1, with ``tls`` if given, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {k.lower(): v for k, v in self.headers.items()}
            service.asked.append((self.command, self.path, headers, body))
            left = service.answers
            given = left.pop(0) if len(left) > 1 else left[0]
            answer = given(body) if callable(given) else given
            with contextlib.suppress(OSError):
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if not answer.slow:
                    self.wfile.write(answer.body)
                    return
                for byte in answer.body:
                    time.sleep(answer.slow)
                    self.wfile.write(bytes([byte]))

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_CONNECT(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    service = Scripted(f"{scheme}://127.0.0.1:{server.server_port}", list(answers))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
