"""Asking the child that renders templates from outside (:mod:`imgforge.sandboxed`).

One child serves a whole run. It gets no variable of the environment, and what it answers is text:
whoever asked judges that as the text of a stranger.
"""

from __future__ import annotations

import contextlib
import functools
import json
import subprocess
import sys
import threading
from typing import Any, Final

from imgforge.errors import ImgforgeError, InvalidInputError

MEMORY: Final = 512 << 20
"""Bytes of address space that the child has."""

SECONDS: Final = 2
"""Of processor time that it has for one request."""

PATIENCE: Final = 120.0
"""Seconds by the clock for one request; processor time is bounded much closer by the child."""

_GRACE: Final = 5.0
"""Seconds for a child that said its last to end."""

LONGEST: Final = 32 << 20
"""Bytes of one answer."""


class _Child:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-m", "imgforge.sandboxed"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
        )

    def ask(self, request: bytes) -> bytes:
        """Return the answer to one line; empty if the child did not live to give it."""
        process = self._process
        assert process.stdin is not None  # noqa: S101 - it was opened with pipes
        assert process.stdout is not None  # noqa: S101
        timer = threading.Timer(PATIENCE, process.kill)
        timer.start()
        try:
            process.stdin.write(request)
            process.stdin.flush()
            return process.stdout.readline(LONGEST)
        except BrokenPipeError:
            return b""
        finally:
            timer.cancel()

    def end(self) -> int:
        """Make an end of it, whatever it does; return how it ended if it did by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE)
        self._process.kill()
        self._process.communicate()
        return self._process.returncode

    def stop(self) -> None:
        """Make an end of one that waits for more."""
        self._process.kill()
        self._process.communicate()


_turn = threading.Lock()


@functools.cache
def _child() -> _Child:
    import atexit

    child = _Child()
    atexit.register(child.stop)
    return child


def ask(kind: str, name: str, **request: Any) -> Any:  # noqa: ANN401 - JSON
    """Have ``kind`` done about the template ``name``; return what the child says.

    InvalidInputError if the child says so, or if it ran out of memory or time.
    """
    line = json.dumps({"kind": kind, "name": name, **request}, default=_plain).encode() + b"\n"
    code = 0
    with _turn:
        child = _child()
        data = child.ask(line)
        answer = _read(data)
        if "value" not in answer and "error" not in answer:
            code = child.end()
            _child.cache_clear()
    if "value" in answer:
        return answer["value"]
    if "error" in answer:
        said = answer["error"]
        raise InvalidInputError(said["message"], details=said["details"], hint=said["hint"])
    if code >= 0 and "spent" not in answer:
        raise ImgforgeError(f"{name}: the child that renders templates ended with {code}")
    raise InvalidInputError(
        f"{name}: takes over {SECONDS} s or {MEMORY >> 20} MiB to render",
        hint="templates lay out text: loops are over short lists, and texts are short",
    )


def _read(data: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(data)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _plain(value: Any) -> Any:  # noqa: ANN401 - a spec, or part of one
    return value.model_dump(mode="json")
