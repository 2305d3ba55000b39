"""Package URLs, read (github.com/package-url/purl-spec)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import unquote

from imgforge.inventory import System

SYSTEMS: Final = frozenset({"deb", "apk", "rpm", "alpm"})
"""Types of a distribution's packages: their namespace is the distribution."""
IMAGES: Final = frozenset({"oci", "docker"})
"""Types of what is no package but an image."""

_PURL: Final = re.compile(
    r"(?i:pkg):/*(?P<type>[A-Za-z][A-Za-z0-9.+-]*)/(?P<path>@?[^@/?#]+/[^@?#]+|[^@?#]+)"
    r"(?:@(?P<version>[^?#]*))?(?:\?(?P<query>[^#]*))?(?:#.*)?"
)


class Purl(NamedTuple):
    """The parts of a package URL, decoded; ``qualifiers`` are pairs in the order of the URL.

    ``version`` is without the epoch that some writers put into a qualifier.
    """

    kind: str
    namespace: str
    name: str
    version: str
    qualifiers: tuple[tuple[str, str], ...] = ()

    def qualifier(self, name: str) -> str:
        """Return the value of a qualifier, or an empty text."""
        return next((value for key, value in self.qualifiers if key == name), "")

    @property
    def full_version(self) -> str:
        """The version as package managers write it: a distribution's with its epoch."""
        if self.kind not in {"deb", "rpm"} or ":" in self.version:
            return self.version
        epoch = self.qualifier("epoch")
        return f"{epoch}:{self.version}" if epoch.isdecimal() and int(epoch) else self.version

    @property
    def system(self) -> System | None:
        """The distribution that a distribution's package is of, as far as its purl says."""
        if self.kind not in SYSTEMS:
            return None
        said = self.qualifier("distro")
        name, dash, version = said.rpartition("-")
        if dash and version[:1].isdigit():
            return System(name, version)
        # Some name the release alone (``distro=trixie``), or after the distribution.
        codename = said.removeprefix(f"{self.namespace}-")
        if codename[:1].isdigit():
            return System(self.namespace, codename) if self.namespace else None
        return System(self.namespace, "", codename) if self.namespace else None


@lru_cache(maxsize=1 << 16)
def parse(purl: str) -> Purl:
    """Return the parts of a package URL; ValueError if it is none."""
    found = _PURL.fullmatch(purl)
    if found is None:
        raise ValueError("it is no package URL")
    namespace, _, name = _decoded(found["path"].strip("/")).rpartition("/")
    if not name:
        raise ValueError("it names no package")
    query = found["query"]
    pairs = [pair.partition("=") for pair in query.split("&")] if query else ()
    qualifiers = tuple((key.lower(), _decoded(value)) for key, _, value in pairs if key and value)
    return Purl(found["type"].lower(), namespace, name, _decoded(found["version"]), qualifiers)


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


def _decoded(text: str | None) -> str:
    if not text or "%" not in text:
        return text or ""
    return unquote(text, errors="surrogateescape")
