"""A stack's changelog: sections headed by versions, the newest first."""

from __future__ import annotations

import re
from pathlib import Path

Version = tuple[int, int, int]

CHANGELOG = "CHANGELOG.md"
README = "README.md"

_HEAD = re.compile(r"##\s+\[?v?(\d+\.\d+\.\d+)\]?\b")
_MOST = 1 << 20


def version(text: str) -> Version:
    """Read ``1.2.3``, which a definition's version always is."""
    major, minor, patch = map(int, text.split("."))
    return major, minor, patch


def sections(folder: Path) -> list[tuple[str, int, list[str]]]:
    """Return the changelog's sections: version, line of its heading, lines below it.

    Empty if there is no changelog that can be read.
    """
    try:
        with (folder / CHANGELOG).open(encoding="utf-8") as file:
            lines = file.read(_MOST).splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    found: list[tuple[str, int, list[str]]] = []
    for number, line in enumerate(lines, 1):
        if head := _HEAD.match(line):
            found.append((head[1], number, []))
        elif found:
            found[-1][2].append(line)
    return found


def between(folder: Path, old: str, new: str) -> list[str]:
    """Return the changelog's lines of the versions after ``old``, up to ``new``."""
    out: list[str] = []
    for number, _, lines in sections(folder):
        if version(old) < version(number) <= version(new):
            out += [number, *(f"  {line}" for line in lines if line.strip())]
    return out
