"""The folder that a Dockerfile is built from, as far as rules ask about it.

Patterns of a ``.dockerignore`` are described in the Docker manual, "Build context"; the last one
that matches decides, and ``!`` brings a path back.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imgforge.context import compile_patterns
from imgforge.errors import InvalidInputError

LARGEST: Final = 1 << 20
"""Bytes of a ``.dockerignore``, and names in a folder."""


@dataclass(frozen=True, slots=True)
class Context:
    """``names`` are those at the top of the folder, ``ignore`` the patterns; None without a file.

    ``ignore_file`` is the name of the file they come from.
    """

    names: frozenset[str]
    ignore: tuple[str, ...] | None = None
    ignore_file: str = ".dockerignore"

    def sends(self, path: str) -> bool:
        """Whether ``path`` (or what lies under it) would be sent to the builder if it is there."""
        sent = True
        for pattern in self.ignore or ():
            keeps = pattern.startswith("!")
            bare = os.path.normpath(pattern.lstrip("!").strip()).strip("/")
            if sent != keeps and (bare == "." or compile_patterns([bare]).fullmatch(path)):
                sent = keeps
        return sent


def look(folder: Path, dockerfile: Path | None = None) -> Context:
    """Look into ``folder``; ``NAME.dockerignore`` beside a Dockerfile goes before the common one.

    InvalidInputError for what cannot be read or is too large.
    """
    own = dockerfile.with_name(f"{dockerfile.name}.dockerignore") if dockerfile else None
    try:
        names = frozenset(entry.name for entry in os.scandir(folder))
        file = own if own is not None and own.is_file() else folder / ".dockerignore"
        if not file.is_file():
            return Context(names)
        if not file.resolve().is_relative_to(folder.resolve()) and file.is_symlink():
            raise InvalidInputError(f"{file} is a symbolic link that leaves the build context")
        if file.stat().st_size > LARGEST:
            raise InvalidInputError(f"{file} has over {LARGEST} bytes")
        text = file.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise InvalidInputError(f"cannot read the build context: {error}") from error
    lines = (line.strip() for line in text.removeprefix("\ufeff").splitlines())
    patterns = tuple(line for line in lines if line and not line.startswith("#"))
    return Context(names, patterns, file.name)
