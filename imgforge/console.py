"""What people see on stderr: steps as they happen, live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final, TextIO

from imgforge.errors import ImgforgeError

Say = Callable[[str], None]

_FIRST, _LONGEST = 1.0, 8.0
"""Seconds until progress is first said, and the longest silence after that."""
_MEGA: Final = 1_000_000


class Meter:
    """Says how many megabytes have come, if it takes long; ``total`` is in bytes, 0 if unknown."""

    def __init__(self, say: Say, what: str, total: int = 0) -> None:
        self._say = say
        self._what = what
        self._of = f" of {total / _MEGA:.0f}" if total else ""
        self._count = 0
        self._pause = _FIRST
        self._next = time.monotonic() + _FIRST

    def add(self, count: int) -> None:
        """Note ``count`` more bytes."""
        self._count += count
        now = time.monotonic()
        if now >= self._next:
            self._pause = min(2 * self._pause, _LONGEST)
            self._next = now + self._pause
            self._say(f"{self._what}: {self._count / _MEGA:.0f}{self._of} MB")


class Console:
    """Writes progress, notes and errors; never data, which belongs on stdout."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        terminal = self._stream.isatty()
        plain = os.environ.get("TERM") == "dumb" or bool(os.environ.get("CI"))
        self.live = terminal and not plain and not quiet
        self.colour = terminal and not os.environ.get("NO_COLOR") and not plain
        self.quiet = quiet

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Say]:
        """Announce a step; what is said inside shows live, and its time when it is done."""
        start = time.monotonic()
        self._status(title)
        done = False
        try:
            yield lambda text: self._detail(title, text)
            done = True
        finally:
            self._clear()
            if not self.quiet:
                mark = self.paint("    ok", "32") if done else self.paint("failed", "31")
                self._line(f" {title} ({time.monotonic() - start:.1f}s)", mark)

    def note(self, text: str) -> None:
        """Say something worth knowing."""
        if not self.quiet:
            self._line(f"       {text}")

    def warn(self, text: str) -> None:
        """Say something worth acting on, even when quiet."""
        self._line(f": {text}", self.paint("warning", "33"))

    def error(self, error: ImgforgeError) -> None:
        """Print an error: what, the details, what to do next."""
        self._clear()
        self._line(f": {error.message}", self.paint("error", "31"))
        for detail in error.details:
            for line in detail.splitlines():
                self._line(f"  {line}")
        head, *more = (error.hint or "").splitlines() or [""]
        if head:
            self._line(f": {head}", self.paint("hint", "36"))
        for line in more:
            self._line(line)

    def paint(self, text: str, code: str) -> str:
        """Colour ``text`` (an SGR code) where colour is wanted."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def text(self, text: str) -> None:
        """Write ready text as it is."""
        self._clear()
        self._stream.write(text)
        self._stream.flush()

    def _detail(self, title: str, text: str) -> None:
        if self.live:
            self._status(f"{title}: {text}")
        elif not self.quiet:
            self._line(f"       {text}")

    def _status(self, text: str) -> None:
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(f"\r\x1b[K  ...  {harmless(text)}"[: width + 4])
            self._stream.flush()

    def _clear(self) -> None:
        if self.live:
            self._stream.write("\r\x1b[K")

    def _line(self, text: str, mark: str = "") -> None:
        """Write a line; only ``mark`` may hold what a terminal obeys."""
        self._clear()
        self._stream.write(f"{mark}{harmless(text)}\n")
        self._stream.flush()


def harmless(text: str) -> str:
    """Return ``text`` without what moves a terminal's cursor or hides other text."""
    return "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in text)
