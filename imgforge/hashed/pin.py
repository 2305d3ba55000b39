"""What is pinned for an image, and for which image that is asked."""

from __future__ import annotations

from typing import NamedTuple

from imgforge.errors import InvalidInputError

MENDS = {
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


def elsewhere(place: str, name: str, origin: str) -> InvalidInputError:
    """Return the error of a dependency that no index offers: ``origin`` says where it is from."""
    return InvalidInputError(
        f"{place}: {name} comes from {origin}, which no hash in the lock pins",
        hint="take it from an index, or bring it into the project and name it in app.source",
    )


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
