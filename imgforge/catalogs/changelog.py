"""What a stack's changelog says of the way from one version to another."""

from __future__ import annotations

import re
from typing import Final

from imgforge.catalogs import releases, tree

FILE: Final = "CHANGELOG.md"
_MOST: Final = 50
_LONGEST: Final = 200
_HEADING: Final = re.compile(r"#+\s*\[?v?(\d+\.\d+\.\d+)\b", re.ASCII)


def between(files: tree.Files, before: str, after: str) -> tuple[str, ...]:
    """Return the lines of a stack's changelog on versions above ``before``, up to ``after``.

    A version's section begins with a heading that has its number; at most 50 printable lines.
    """
    low, high = releases.version(before), releases.version(after)
    out, inside = [], False
    for line in files.get(FILE, b"").decode(errors="replace").splitlines():
        heading = _HEADING.match(line)
        if heading is not None:
            try:
                inside = low < releases.version(heading[1]) <= high
            except ValueError:
                inside = False
        if inside and line.strip():
            out.append("".join(c if c.isprintable() else "?" for c in line)[:_LONGEST])
    return tuple(out[:_MOST])
