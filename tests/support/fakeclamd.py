"""A daemon that speaks clamd's protocol as far as it is told to, on a socket of its own."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

Speak = Callable[[socket.socket], None]


def take(connection: socket.socket, count: int) -> bytes:
    """Read exactly ``count`` bytes; what is missing at the end is left out."""
    data = b""
    while len(data) < count and (piece := connection.recv(count - len(data))):
        data += piece
    return data


class FakeClamd:
    """Answers every connection on a thread; ``files`` are the contents it was given.

    ``speak`` replaces what is said after the command INSTREAM was read.
    """

    def __init__(
        self,
        answer: str = "stream: OK",
        version: str = "ClamAV 1.4.6/27000/Mon Nov 16 09:00:00 2026",
        speak: Speak | None = None,
        *,
        tcp: bool = False,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._answer, self._version, self._speak = answer, version, speak
        self.files: list[bytes] = []
        if tcp:
            self._server = socket.create_server(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        else:
            self.address = str(Path(self._folder.name) / "clamd.ctl")
            self._server = socket.socket(socket.AF_UNIX)
            self._server.bind(self.address)
            self._server.listen()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A listener that is only closed would keep its thread waiting.
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()
        self._folder.cleanup()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                self._one(connection)

    def _one(self, connection: socket.socket) -> None:
        command = b""
        while not command.endswith(b"\0") and (byte := connection.recv(1)):
            command += byte
        if command == b"zVERSION\0":
            connection.sendall(self._version.encode() + b"\0")
        elif command == b"zINSTREAM\0":
            if self._speak is not None:
                self._speak(connection)
                return
            data = b""
            while length := int.from_bytes(take(connection, 4), "big"):
                data += take(connection, length)
            self.files.append(data)
            connection.sendall(self._answer.encode() + b"\0")
