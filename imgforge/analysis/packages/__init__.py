"""Installed packages as their ecosystems record them: one module for each ecosystem.

A module says which files it reads: their last components (``NAMES``), the ends of these from the
last dot on (``SUFFIXES``), the last folders they lie in (``FOLDERS``), so that most files are
passed with a look into dictionaries; ``wants`` then decides, and a module that declares none of
the three is asked for every file. ``read`` turns one file into packages, ``claims``, which a module
may lack, into what belongs to them. Both are pure functions of bytes, which may be malformed in any
way: a reader returns what it can stand for and raises ValueError when a record cannot be read,
which becomes a problem of the layer.

Files in zip archives (jars, eggs, zipapps: what programs are run out of) are asked for as
``archive!/inside``; their packages get ``paths`` and ``inside`` from whoever opened the archive.
Parcels (tars, compressed files) hold what might be installed and are not.

What a row's ``found`` is decides what :mod:`imgforge.analysis.installed` makes of it. Beside those
that stay (see :class:`imgforge.analysis.facts.Package`), ``note`` says something about a package
that another record lists, in any layer: of the same ecosystem, namespace and name, and of the same
version unless it has none. It is never listed itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from imgforge.analysis.facts import Claim, Package
from imgforge.analysis.packages import (
    apk,
    bundles,
    chisel,
    conda,
    cpython,
    deb,
    debcopyright,
    dotnet,
    java,
    node,
    node_locks,
    pear,
    php,
    python,
    rpm,
    ruby,
    vendored,
)

NOTE: Final = "note"
_OF_FOLDERS: Final = frozenset({"gem", "npm"})
"""Ecosystems whose packages own a folder whole."""


class Reader(Protocol):
    """What a module of this folder offers at least."""

    def wants(self, path: str, name: str) -> bool:
        """Whether to read the file ``path`` whose last component is ``name``."""

    def read(self, path: str, data: bytes) -> list[Package]:
        """Return the packages recorded in ``data``; ValueError if it is no such record."""


READERS: Final[tuple[Reader, ...]] = (
    deb,
    debcopyright,
    chisel,
    apk,
    rpm,
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
    java,
    cpython,
)


def _by(attribute: str) -> dict[str, tuple[Reader, ...]]:
    """Sort the readers by what they declare as ``attribute``."""
    found: dict[str, tuple[Reader, ...]] = {}
    for module in READERS:
        declared: Iterable[str] = getattr(module, attribute, ())
        for key in declared:
            found[key] = (*found.get(key, ()), module)
    return found


_NAMED: Final = _by("NAMES")
_ENDING: Final = _by("SUFFIXES")
_INSIDE: Final = _by("FOLDERS")
_ALWAYS: Final = tuple(
    module
    for module in READERS
    if not any(hasattr(module, name) for name in ("NAMES", "SUFFIXES", "FOLDERS"))
)
_NONE: Final[tuple[Reader, ...]] = ()


def reader(path: str, name: str) -> Reader | None:
    """Return the reader for the file ``path``, whose last component is ``name``, or None."""
    end = len(path) - len(name) - 1
    asked = (
        _NAMED.get(name, _NONE)
        + _ENDING.get(name[name.rfind(".") :], _NONE)
        + _INSIDE.get(path[path.rfind("/", 0, max(end, 0)) + 1 : end], _NONE)
        + _ALWAYS
    )
    for module in asked:
        if module.wants(path, name):
            return module
    return None


def claims(module: Reader, path: str, data: bytes) -> list[Claim]:
    """Return what a record says belongs to its packages; ValueError if it is no such record."""
    found = getattr(module, "claims", None)
    return [] if found is None else [_files_only(claim) for claim in found(path, data)]


def _files_only(claim: Claim) -> Claim:
    """Leave out folders where the record lists files: one would claim all that lies below."""
    if not ("/\n" in claim.files or claim.files.endswith("/")):
        return claim
    whole = claim.owner.partition(":")[0] in _OF_FOLDERS
    files = [
        file
        for file in claim.files.split("\n")
        if not file.endswith("/") or (whole and ".." not in file.split("/"))
    ]
    return claim._replace(files="\n".join(files))
