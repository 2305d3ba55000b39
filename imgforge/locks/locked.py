"""What a lock file lists: plain data."""

from __future__ import annotations

from typing import Literal, NamedTuple

Scope = Literal["required", "optional", "dev", "build"]


class Entry(NamedTuple):
    """One package of a lock.

    ``ecosystem`` is the package-url type, ``name`` and ``namespace`` are spelt as in
    :class:`~imgforge.analysis.facts.Package`; ``version`` is empty where the lock leaves it open.
    ``line`` counts from 1 (0: nobody knows). ``hashes`` (``sha256:<hex>``, ``sha512:<hex>``,
    ``h1:<base64>``) are those that its file may have. ``needs`` are keys of the same lock's
    entries, or ``title`` where the lock does not say which version.

    ``marker`` is a PEP 508 marker under which it is installed, empty if it always is; ``os``,
    ``cpu`` and ``libc`` are npm's lists of the same use (``!win32`` forbids one). ``place`` is
    the folder below the lock's own into which it is put, empty if the lock does not say.
    """

    ecosystem: str
    name: str
    version: str
    line: int = 0
    namespace: str = ""
    hashes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    scope: Scope = "required"
    marker: str = ""
    os: tuple[str, ...] = ()
    cpu: tuple[str, ...] = ()
    libc: tuple[str, ...] = ()
    place: str = ""
    architecture: str = ""

    @property
    def title(self) -> str:
        """Its name with the namespace before it."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def key(self) -> str:
        """What other entries call it."""
        return f"{self.title}@{self.version}"


class Locked(NamedTuple):
    """One lock file: its path below the project's folder, its entries in the order of the file.

    ``includes`` are further files that it names, relative to its own folder. ``own``
    are the titles of the project's own packages, which the lock is about and does not lock.
    ``scoped`` is whether it says which entries are for development only.
    """

    path: str
    entries: tuple[Entry, ...]
    includes: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    scoped: bool = True
