"""A project's files as detection sees them: names within bounds, texts of small files, no links.

Nothing is run and nothing outside the folder is read. Folders that hold what others wrote or what
builds made are not entered.
"""

from __future__ import annotations

import functools
import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from imgforge import tomlfile
from imgforge.errors import InvalidInputError

MAX_ENTRIES: Final = 100_000
"""Files and folders that are looked at; a larger project is to name the folder that is meant."""

MAX_DEPTH: Final = 8
MAX_TEXT: Final = 1 << 20
"""Bytes of a file that is read."""

_SKIPPED: Final = frozenset(
    {
        *("node_modules", "bower_components", "vendor", "target", "dist", "build", "out"),
        *("venv", "env", "__pycache__", "site-packages", "third_party", "testdata", "coverage"),
    }
)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder: ``path`` relative to the project ('' is the top), names of what is in it."""

    path: str
    files: frozenset[str]
    folders: frozenset[str]


@dataclass(frozen=True)
class Tree:
    """The folders of a project that may say something, by their path; ``whole`` if all are here."""

    root: Path
    folders: dict[str, Folder]
    whole: bool = True
    unreadable: list[str] = field(default_factory=list)
    """Files that should have said something and could not be read, with the reason."""

    def folder(self, path: str) -> Folder:
        """Return the folder at ``path``; an empty one if there is none."""
        return self.folders.get(path, Folder(path, frozenset(), frozenset()))

    def has(self, path: str) -> bool:
        """Say whether there is such a file."""
        folder, _, name = path.rpartition("/")
        return name in self.folder(folder).files

    def below(self, path: str) -> list[Folder]:
        """Return the folder at ``path`` and all in it, in order of their paths."""
        start = f"{path}/" if path else ""
        return [f for p, f in sorted(self.folders.items()) if p == path or p.startswith(start)]

    @functools.cached_property
    def _texts(self) -> dict[str, str]:
        return {}

    def text(self, path: str) -> str:
        """Return the text of a file; empty if it is missing, too large, or no plain UTF-8 file."""
        if path not in self._texts:
            self._texts[path] = self._read(path) if self.has(path) else ""
        return self._texts[path]

    def _read(self, path: str) -> str:
        reason: object = ""
        try:
            handle = os.open(self.root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(handle, "rb") as file:
                plain = stat.S_ISREG(os.fstat(handle).st_mode)
                data = file.read(MAX_TEXT + 1) if plain else b""
            if plain and len(data) <= MAX_TEXT:
                return data.decode()
            reason = f"over {MAX_TEXT >> 20} MiB" if plain else "no ordinary file"
        except OSError as error:
            reason = error.strerror or error
        except UnicodeDecodeError:
            reason = "not UTF-8"
        self.unreadable.append(f"{path}: {reason}")
        return ""

    def toml(self, path: str) -> dict[str, Any]:
        """Return a TOML file's table; empty if there is none, or none that can be read."""
        try:
            return tomlfile.loads(self.text(path))
        except ValueError as error:
            self.unreadable.append(f"{path}: {str(error)[:100]}")
            return {}

    def json(self, path: str) -> dict[str, Any]:
        """Return a JSON file's object; empty if there is none, or none that can be read."""
        text = self.text(path)
        try:
            value = json.loads(text) if text else {}
        except (ValueError, RecursionError) as error:
            self.unreadable.append(f"{path}: {str(error)[:100]}")
            return {}
        return value if isinstance(value, dict) else {}


def walk(root: Path) -> Tree:
    """Look at the folder ``root``; InvalidInputError if it is none or cannot be read."""
    folders: dict[str, Folder] = {}
    waiting, count, whole = [("", 0)], 0, True
    while waiting:
        path, depth = waiting.pop()
        files, inside = set(), set()
        try:
            with os.scandir(root / path) as entries:
                for entry in entries:
                    count += 1
                    if entry.is_dir(follow_symlinks=False):
                        inside.add(entry.name)
                    elif entry.is_file(follow_symlinks=False):
                        files.add(entry.name)
        except OSError as error:
            if not path:
                reason = error.strerror or error
                raise InvalidInputError(f"cannot look into {root}: {reason}") from error
            whole = False
            continue
        folders[path] = Folder(path, frozenset(files), frozenset(inside))
        entered = [n for n in sorted(inside) if n not in _SKIPPED and not n.startswith(".")]
        if entered and (depth == MAX_DEPTH or count > MAX_ENTRIES):
            whole = False
            continue
        waiting += [(f"{path}/{name}" if path else name, depth + 1) for name in entered]
    return Tree(root, folders, whole)
