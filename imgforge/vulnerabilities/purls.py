"""Package URLs as VEX documents use them to say what they are about (ECMA-427)."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

MAX_LENGTH = 4096
"""Characters; longer ones are nobody's."""


class Purl(NamedTuple):
    """A package URL taken apart and decoded; ``qualifiers`` are sorted pairs."""

    type: str
    namespace: str
    name: str
    version: str
    qualifiers: tuple[tuple[str, str], ...]


@lru_cache(maxsize=65_536)
def parse(text: str) -> Purl:
    """Take a purl apart; its subpath is left out. ValueError if it is none."""
    scheme, colon, rest = text.partition(":")
    if scheme.lower() != "pkg" or not colon or len(text) > MAX_LENGTH:
        raise ValueError(f"{text[:100]!a} is no package URL")
    rest, _, query = rest.partition("#")[0].partition("?")
    path, at, version = rest.rpartition("@")
    # The scope of an npm package may stand with a bare "@" at its beginning.
    if not at or "/" in version:
        path, version = rest, ""
    kind, *parts = [part for part in path.split("/") if part]
    if not parts:
        raise ValueError(f"{text[:100]!a} names no package")
    *namespace, name = [unquote(part) for part in parts]
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    qualifiers = sorted((key.lower(), unquote(value)) for key, _, value in pairs if value)
    return Purl(kind.lower(), "/".join(namespace), name, unquote(version), tuple(qualifiers))


def covers(said: str, have: str) -> bool:
    """Whether the purl ``said`` means the package ``have``.

    Without a version it means all of them; each qualifier that it has must be the same there.
    What is no purl means nothing.
    """
    try:
        one, other = parse(said), parse(have)
    except ValueError:
        return said == have
    return (
        one[:3] == other[:3]
        and one.version in {"", other.version}
        and set(one.qualifiers) <= set(other.qualifiers)
    )
