"""What is pinned for an image, and for which image that is asked."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import NamedTuple

from imgforge.errors import InvalidInputError

MENDS = {
    "pip": "uv pip compile --generate-hashes requirements.in -o requirements.txt",
    "uv": "uv lock",
    "poetry": "poetry lock",
    "pdm": "pdm lock",
    "pylock": "uv export --format pylock.toml -o pylock.toml",
}
"""Manager → the command that makes its lock fit again."""


class Target(NamedTuple):
    """An image's interpreter (``3.13``) and architecture, and what is asked for besides the rest.

    ``groups`` are dependency groups, ``extras`` optional dependencies of the project itself.
    """

    python: str
    architecture: str
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()


class Pin(NamedTuple):
    """One distribution: normalised name, version, and the hashes (``sha256:…``) of its files."""

    name: str
    version: str
    hashes: tuple[str, ...]


class Member(NamedTuple):
    """A package whose sources lie in the project: a workspace's member, a path dependency.

    ``name`` is normalised, and like ``version`` empty if the lock does not say; ``folder`` is as
    the lock names it, from its own folder; ``place`` is the line (``uv.lock:12``) that lists it.
    One that is ``virtual`` has no wheel: only what it needs is installed.
    """

    name: str
    version: str
    folder: str
    place: str
    virtual: bool = False


class Chosen(NamedTuple):
    """What a lock has for an image: pins by name, the members of which wheels are built."""

    pins: tuple[Pin, ...]
    members: tuple[Member, ...] = ()
    virtual: tuple[Member, ...] = ()


def elsewhere(place: str, name: str, origin: str) -> InvalidInputError:
    """Return the error of a dependency that no index offers: ``origin`` says where it is from."""
    return InvalidInputError(
        f"{place}: {name} comes from {origin}, which no hash in the lock pins",
        hint="take it from an index, or bring it into the project and name it in app.source",
    )


def chosen(place: str, found: Iterable[Pin | Member]) -> Chosen:
    """Return pins and members, each once; InvalidInputError as :func:`sole` has it.

    What lies in the lock's own folder is no member: it is the project itself.
    """
    rows = list(found)
    beside = {m.folder: m for m in rows if isinstance(m, Member) and m.folder != "."}
    members = [beside[folder] for folder in sorted(beside)]
    return Chosen(
        sole(place, [row for row in rows if isinstance(row, Pin)]),
        tuple(m for m in members if not m.virtual),
        tuple(m for m in members if m.virtual),
    )


def member(place: str, name: str, version: str, folder: str) -> Member:
    """Return a package that lies in ``folder``; ``place`` is the line of the lock that says so.

    InvalidInputError if that is no path below the lock's folder that can be told in a line.
    """
    path = posixpath.normpath(folder)
    if not folder or path.startswith("/") or not path.isprintable() or "\\" in path:
        raise InvalidInputError(
            f"{place}: {name or folder} lies in {folder!r}, which is no path beside the lock",
            hint="name it by a relative path, and lock again",
        )
    return Member(name, version, path, place)


def sole(place: str, pins: list[Pin]) -> tuple[Pin, ...]:
    """Return the pins by name, each once; InvalidInputError if one has two versions or no hash."""
    found: dict[str, Pin] = {}
    for pin in pins:
        known = found.setdefault(pin.name, pin)
        if known.version != pin.version:
            raise InvalidInputError(
                f"{place}: {pin.name} is locked as {known.version} and as {pin.version} for the "
                "same image"
            )
        found[pin.name] = pin._replace(hashes=tuple(sorted({*known.hashes, *pin.hashes})))
    for pin in found.values():
        if not pin.hashes:
            raise InvalidInputError(
                f"{place}: {pin.name} {pin.version} has no hash",
                hint="make the lock again, with an index that tells hashes",
            )
    return tuple(found[name] for name in sorted(found))
