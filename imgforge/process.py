"""The one way imgforge starts another program: a list of arguments, never a shell."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from imgforge.errors import BuildFailedError, ToolMissingError

PASSED = (
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)
"""Variables of ours that a child sees; everything else is named by the caller."""

TAIL = 200
"""Lines of a failed child's stderr that the error carries."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a finished child printed (bytes) and its exit code."""

    code: int
    stdout: bytes
    stderr: bytes


verbose = False
"""Set once by the command line (``-v``): echo each child to stderr before it starts."""


def redact(text: str, secrets: Sequence[str]) -> str:
    """Return ``text`` with every secret value replaced."""
    for secret in sorted((s for s in secrets if s), key=len, reverse=True):
        text = text.replace(secret, "[redacted]")
    return text


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Build a child's environment: what everyone needs, C.UTF-8, and ``extra``."""
    base = {name: os.environ[name] for name in PASSED if name in os.environ}
    return {**base, "LC_ALL": "C.UTF-8", **(extra or {})}


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 3600,
    secrets: Sequence[str] = (),
    on_line: Callable[[str], None] | None = None,
    stdout: IO[bytes] | None = None,
    check: bool = True,
    input: bytes | None = None,  # noqa: A002 - the name that subprocess gives it
) -> Result:
    """Run ``argv`` to its end with no standard input but ``input`` (not with ``on_line``).

    ``on_line`` is given each line of stderr as it appears. ``timeout`` is in seconds. Raises
    ToolMissingError if the program is not there, and, unless ``check`` is false,
    BuildFailedError with the tail of stderr on a non-zero exit or when time ran out.
    """
    command = [str(part) for part in argv]
    shown = redact(" ".join(command), secrets)
    if verbose:
        print(f"+ {shown}", file=sys.stderr)  # noqa: T201 - the echo that -v asks for
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
            stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(env),
            cwd=cwd,
        )
    except FileNotFoundError as error:
        raise ToolMissingError(f"{command[0]} is not installed") from error
    except PermissionError as error:
        raise ToolMissingError(f"{command[0]} cannot be executed") from error
    with child:
        try:
            if on_line is None:
                out, err = child.communicate(input, timeout=timeout)
            else:
                out, err = _follow(child, on_line, timeout, secrets)
        except subprocess.TimeoutExpired as error:
            child.kill()
            child.communicate()
            raise BuildFailedError(f"{Path(command[0]).name} took over {timeout:.0f} s") from error
        except BaseException:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
            raise
    if check and child.returncode != 0:
        tail = redact(err.decode(errors="replace"), secrets).splitlines()[-TAIL:]
        raise BuildFailedError(
            f"{Path(command[0]).name} failed with exit code {child.returncode}", details=tail
        )
    return Result(child.returncode, out or b"", err)


def _follow(
    child: subprocess.Popen[bytes],
    on_line: Callable[[str], None],
    timeout: float,
    secrets: Sequence[str],
) -> tuple[bytes, bytes]:
    import threading

    out: list[bytes] = []
    drain = None
    if child.stdout is not None:
        stream = child.stdout
        drain = threading.Thread(target=lambda: out.append(stream.read()), daemon=True)
        drain.start()
    timer = threading.Timer(timeout, child.kill)
    timer.start()
    lines: list[bytes] = []
    try:
        for line in child.stderr or ():
            lines.append(line)
            on_line(redact(line.decode(errors="replace").rstrip("\n"), secrets))
        child.wait()
        expired = not timer.is_alive()
    finally:
        timer.cancel()
    if drain is not None:
        drain.join()
    if expired:
        raise subprocess.TimeoutExpired(child.args, timeout)
    return b"".join(out), b"".join(lines)
