"""Project lock files of every ecosystem: one module for each format.

A module offers ``read(path, text)``, a pure function from a file's text to
:class:`~imgforge.locks.locked.Locked`; ``path`` stands in its messages. What cannot be read is an
InvalidInputError that names the file and, where it is known, the line. To add a format, write a
module and name its files in ``FORMATS``.

Maven has no lock: what ``mvn`` resolved is known from the jars themselves.
"""

from __future__ import annotations

import importlib
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from imgforge.errors import InvalidInputError
from imgforge.locks.locked import Entry, Locked

if TYPE_CHECKING:
    from typing import Protocol

    class Reader(Protocol):
        """What a module of this folder offers."""

        def read(self, path: str, text: str) -> Locked:
            """Return what the lock ``path``, whose text is given, lists."""


__all__ = ["Entry", "Locked", "ecosystem", "known", "load", "lying", "read"]

LARGEST: Final = 16 << 20
"""Bytes of a lock file; those of large projects have a few million."""

_INCLUDES: Final = 100


class _Format(NamedTuple):
    module: str
    ecosystem: str


FORMATS: Final[dict[str, _Format]] = {
    "Cargo.lock": _Format("cargo", "cargo"),
    "Gemfile.lock": _Format("bundler", "gem"),
    "Pipfile.lock": _Format("pipfile", "pypi"),
    "bun.lock": _Format("bun", "npm"),
    "composer.lock": _Format("composer", "composer"),
    "gems.locked": _Format("bundler", "gem"),
    "go.mod": _Format("golang", "golang"),
    "gradle.lockfile": _Format("gradle", "maven"),
    "gradle.sha256": _Format("gradlefiles", "maven"),
    "maven.sha256": _Format("maven", "maven"),
    "npm-shrinkwrap.json": _Format("npm", "npm"),
    "package-lock.json": _Format("npm", "npm"),
    "packages.lock.json": _Format("nuget", "nuget"),
    "pdm.lock": _Format("poetry", "pypi"),
    "pnpm-lock.yaml": _Format("pnpm", "npm"),
    "poetry.lock": _Format("poetry", "pypi"),
    "pylock.toml": _Format("pylock", "pypi"),
    "requirements.txt": _Format("requirements", "pypi"),
    "uv.lock": _Format("uv", "pypi"),
    "yarn.lock": _Format("yarn", "npm"),
}
"""By the name of the file."""


def known(name: str) -> bool:
    """Whether the file ``name`` is called like a lock of a format that is read here."""
    return _format(posixpath.basename(name)) is not None


def ecosystem(name: str) -> str:
    """Return the package-url type of what the lock ``name`` lists; empty if it is no such lock."""
    found = _format(posixpath.basename(name))
    return found.ecosystem if found is not None else ""


def _format(name: str) -> _Format | None:
    found = FORMATS.get(name)
    if found is None and name.endswith(".txt") and "requirements" in name:
        return FORMATS["requirements.txt"]
    return found


def read(path: str, text: str) -> Locked:
    """Read the text of a lock; its format follows from the last component of ``path``.

    A file of another name is read as requirements, which may be called anything.
    """
    form = _format(posixpath.basename(path)) or FORMATS["requirements.txt"]
    reader: Reader = importlib.import_module(f"imgforge.locks.{form.module}")
    return reader.read(path, text)


def load(root: Path, name: str) -> Locked:
    """Read the lock ``name`` of the project in ``root``, and what it includes, as one.

    InvalidInputError if one of them cannot be read, is no such lock, or lies elsewhere.
    """
    seen: dict[str, None] = {}
    entries: list[Entry] = []
    own: list[str] = []
    scoped = True
    pending = [name]
    while pending:
        path = pending.pop(0)
        if path in seen:
            continue  # files may include each other
        seen[path] = None
        if len(seen) > _INCLUDES:
            raise InvalidInputError(f"{name} includes over {_INCLUDES} files")
        locked = read(path, content(root, path))
        entries += locked.entries
        own += locked.own
        scoped = scoped and locked.scoped
        folder = posixpath.dirname(path)
        pending += [posixpath.normpath(posixpath.join(folder, i)) for i in locked.includes]
    found = Locked(name, tuple(entries), own=tuple(own), scoped=scoped)
    return _with_sums(root, found) if posixpath.basename(name) == "go.mod" else found


def _with_sums(root: Path, locked: Locked) -> Locked:
    from imgforge.locks import golang

    name = posixpath.join(posixpath.dirname(locked.path), golang.SUMS)
    if not (root / name).is_file():
        return locked
    return golang.with_sums(locked, golang.read(name, content(root, name)))


def lying(root: Path, folder: str = ".") -> list[str]:
    """Return the paths of the locks in ``folder`` of the project in ``root``, sorted."""
    paths = (posixpath.normpath(posixpath.join(folder, name)) for name in (*FORMATS, "go.sum"))
    return sorted(path for path in paths if (root / path).is_file())


def content(root: Path, name: str) -> str:
    """Return the text of a lock, or of a file of that kind, of the project in ``root``.

    InvalidInputError if it lies elsewhere, cannot be read, is too large or no text.
    """
    if not (root / name).resolve().is_relative_to(root.resolve()):
        raise InvalidInputError(f"{name} is outside the project's folder")
    if (root / name).exists() and not (root / name).is_file():
        raise InvalidInputError(f"{name} is no file")  # a pipe would be waited for
    try:
        with (root / name).open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise InvalidInputError(f"cannot read {name}: {error.strerror}") from error
    if len(data) > LARGEST:
        raise InvalidInputError(f"{name} is over {LARGEST >> 20} MiB: no lock is that large")
    zero = data.find(b"\0")
    if zero >= 0:
        line = data.count(b"\n", 0, zero) + 1
        raise InvalidInputError(f"{name}:{line}: not a text: it has a zero byte")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidInputError(f"{name}:{line}: not UTF-8") from error
