"""A stack's changelog: sections headed by versions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from imgforge.catalogs import changelog, releases

README = "README.md"
CHANGELOG = changelog.FILE

_HEAD = re.compile(r"#+\s*\[?v?(\d{1,9}\.\d{1,9}\.\d{1,9})\]?\b", re.ASCII)
_MOST = 1 << 20


class Section(NamedTuple):
    """The heading of a version, and its line."""

    version: releases.Version
    line: int


def sections(folder: Path) -> list[Section]:
    """Return the headings of a folder's changelog; none if there is none that can be read."""
    try:
        with (folder / CHANGELOG).open(encoding="utf-8") as file:
            lines = file.read(_MOST).splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    found = []
    for number, line in enumerate(lines, 1):
        head = _HEAD.match(line)
        if head is not None:
            major, minor, patch = map(int, head[1].split("."))
            found.append(Section((major, minor, patch), number))
    return found
