"""What stands between a container's start and its program: inits, launchers, scripts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

_INITS: Final = frozenset({"tini", "dumb-init", "catatonit"})
INIT: Final = "no init program: the application is PID 1 and gets the signals itself"
_RUNNERS: Final = frozenset({"uv", "poetry", "pipenv", "pdm", "hatch"})
"""Managers whose verb ``run`` starts a program of the environment that they keep."""

_VALUED: Final = frozenset(
    {"--directory", "--env-file", "--extra", "--group", "--package", "--project", "--python", "-p"}
)
"""Options of ``uv run`` that are followed by a value and name no package."""

_SHEBANG: Final = re.compile(rb"#![ \t]*(\S+)(?:[ \t]+(?:-S[ \t]+)?(\S+))?")
_LINE: Final = 200
_SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})
_LARGEST: Final = 1 << 20
_HANDS_ON: Final = re.compile(rb"(?m)^\s*exec\s+[^#\n]*\"?\$(?:@|\{@\})\"?")


class Script(NamedTuple):
    """A file that names its interpreter; ``hands_on`` if it then starts what it was given."""

    interpreter: str
    shell: bool
    hands_on: bool = False


def without_init(words: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return ``words`` without an init program before them, and a note if there was one."""
    if not words or words[0].rpartition("/")[2] not in _INITS:
        return words, ()
    return _operands(words[1:]), (INIT,)


def without_runner(words: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return ``words`` without a manager such as ``poetry run``, and a note if there was one."""
    name = words[0].rpartition("/")[2] if words else ""
    if name not in _RUNNERS or words[1:2] != ["run"]:
        return words, ()
    rest = _operands(words[2:])
    if rest and rest[0].endswith(".py"):
        rest = ["python", *rest]
    return rest, (f"no {name} stands between: the lock is installed as it is",)


def script(path: Path) -> Script | None:
    """Return what the first line of a file says of its interpreter; None if it says nothing."""
    data = beginning(path)
    found = _SHEBANG.match(data[:_LINE].split(b"\n", 1)[0])
    if found is None:
        return None
    words = [word.decode("utf-8", "replace").rpartition("/")[2] for word in found.groups(b"")]
    name = words[1] if words[0] == "env" else words[0]
    return Script(name, name in _SHELLS, _HANDS_ON.search(data) is not None)


def ends(path: Path) -> bool:
    """Whether a program's text speaks of SIGTERM, which the kernel spares an unready PID 1."""
    return b"SIGTERM" in beginning(path)


def beginning(path: Path) -> bytes:
    """Return the first MiB of an ordinary file; nothing of any other, which might never end."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(_LARGEST)
    except OSError:
        return b""


def _operands(words: list[str]) -> list[str]:
    while words and words[0].startswith("-"):
        words = words[2:] if words[0] in _VALUED else words[1:]
    return words
