"""A line to a server that is cut after so many bytes."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class Cutting:
    """Passes connections on to a server; the first to pass so many bytes up (or down) is cut.

    Each cut is taken off ``up`` or ``down``. ``place`` is where to connect.
    """

    def __init__(self, to: tuple[str, int], *, up: list[int], down: list[int]) -> None:
        self._to = to
        self._up, self._down = up, down
        self._server = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        """End all connections, and wait until they have ended."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._server.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(here,)))
            self._threads[-1].start()

    def _serve(self, here: socket.socket) -> None:
        with here, socket.create_connection(self._to) as there:
            back = threading.Thread(target=_pass, args=(there, here, self._down))
            back.start()
            _pass(here, there, self._up)
            back.join()


def _pass(source: socket.socket, target: socket.socket, cuts: list[int]) -> None:
    count = 0
    with contextlib.suppress(OSError):
        while piece := source.recv(1 << 16):
            count += len(piece)
            target.sendall(piece)
            if cuts and count > cuts[0]:
                cuts.pop(0)
                break
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def cutting(place: str, *, up: list[int], down: list[int]) -> Iterator[str]:
    """Give the place of a line to ``place`` (host:port) until the block ends."""
    host, _, port = place.rpartition(":")
    line = Cutting((host, int(port)), up=up, down=down)
    try:
        yield line.place
    finally:
        line.close()
