"""Files that records of language packages list as their own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from imgforge.analysis.facts import Claim

_SOURCES: Final = (".py", ".pyc", ".pyi", ".h", ".hpp", ".txt", ".json", ".rst", ".md", ".html")
"""Ends of files that nobody runs as a program; a program called so belongs to nobody, then."""


def claim(record: str, owner: str, base: str, files: Iterable[str]) -> list[Claim]:
    """Return that ``files``, relative to the folder ``base``, belong to ``owner``.

    Left out is what leaves the root, and what by its name is no program or library: it would be
    most of what is kept of a layer.
    """
    found = (_joined(base, file) for file in files if not file.endswith(_SOURCES))
    listed = "\n".join(path for path in found if path and "\n" not in path)
    return [Claim(record, owner, listed)] if listed and "!/" not in record else []


def _joined(base: str, file: str) -> str:
    parts = [] if file.startswith("/") else [part for part in base.split("/") if part]
    for part in file.split("/"):
        if part == "..":
            if not parts:
                return ""
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts)
