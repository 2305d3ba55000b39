"""Programs and shared libraries (ELF, elf(5)) as they go by."""

from __future__ import annotations

import hashlib
from typing import Final

from imgforge.analysis.facts import Binary

_LITTLE: Final = b"\x01"
_LINKED: Final = frozenset({2, 3})
"""``ET_EXEC`` and ``ET_DYN``: no objects before linking, no cores."""


def is_linked(head: bytes) -> bool:
    """Whether a file that begins with ``head`` is a program or a shared library."""
    order = "little" if head[5:6] == _LITTLE else "big"
    return int.from_bytes(head[16:18], order) in _LINKED  # type: ignore[arg-type]


class Running:
    """One of them, in pieces."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        self._hash.update(data)

    def end(self, path: str) -> Binary:
        """Return what it was."""
        return Binary(path, self._hash.hexdigest())
