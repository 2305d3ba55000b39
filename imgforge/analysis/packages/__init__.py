"""Installed packages as their ecosystems record them: one module for each ecosystem.

A module says which paths it wants (``wants``) and reads one such file into packages (``read``).
Texts from an image may be malformed in any way: a reader returns what it can stand for and
raises ValueError when a record cannot be read, which becomes a problem of the layer.
"""

from __future__ import annotations

from typing import Final, Protocol

from imgforge.analysis.facts import Package
from imgforge.analysis.packages import (
    bundles,
    conda,
    deb,
    dotnet,
    node,
    node_locks,
    pear,
    php,
    python,
    ruby,
    vendored,
)


class Reader(Protocol):
    """What a module of this folder offers."""

    def wants(self, path: str, name: str) -> bool:
        """Whether to read the file ``path`` whose last component is ``name``."""

    def read(self, path: str, data: bytes) -> list[Package]:
        """Return the packages recorded in ``data``; ValueError if it is no such record."""


READERS: Final[tuple[Reader, ...]] = (
    deb,
    python,
    vendored,
    conda,
    node,
    node_locks,
    bundles,
    ruby,
    php,
    pear,
    dotnet,
)


def reader(path: str, name: str) -> Reader | None:
    """Return the reader for the file ``path``, or None."""
    for module in READERS:
        if module.wants(path, name):
            return module
    return None
