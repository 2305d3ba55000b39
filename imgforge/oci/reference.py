"""Image references (github.com/distribution/reference, grammar of ``reference.go``)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace

from imgforge.errors import InvalidInputError
from imgforge.oci.types import is_digest

DOCKER = "docker.io"
"""The registry that is meant when none is named."""

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[A-Fa-f0-9:]+\])"
_REGISTRY = re.compile(rf"(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?")
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_IDENTIFIER = re.compile(r"[0-9a-f]{64}")
_MAX_NAME = 255
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Reference:
    """A repository, and maybe a tag and a digest in it, in full: no default is left open.

    ``registry`` is host[:port] (IPv6 in brackets) or ``docker.io``; ``repository`` the path.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read ``[registry/]repository[:tag][@digest]``; InvalidInputError if it is not that.

        As Docker does, ``alpine`` means ``docker.io/library/alpine``, and the first part is a
        registry only if it holds a dot, a colon or a capital or is ``localhost``. No tag is
        made up.
        """
        rest, at, digest = text.partition("@")
        if at and not is_digest(digest):
            raise _invalid(text, "what follows @ is no sha256 digest")
        tag = None
        colon = rest.rfind(":")
        if colon > rest.rfind("/"):
            rest, tag = rest[:colon], rest[colon + 1 :]
            if not _TAG.fullmatch(tag):
                raise _invalid(text, "malformed tag")
        registry, repository = _split(rest)
        matched = _REGISTRY.fullmatch(registry)
        if matched is None or not _is_place(matched["host"], matched["port"]):
            raise _invalid(text, "malformed registry")
        if not _REPOSITORY.fullmatch(repository):
            raise _invalid(
                text, "a repository is lower-case words joined by one of . _ __ - and by slashes"
            )
        if len(registry) + 1 + len(repository) > _MAX_NAME:
            raise _invalid(text, f"its name is over {_MAX_NAME} characters")
        if registry == DOCKER and _IDENTIFIER.fullmatch(rest):
            raise _invalid(text, "64 hexadecimal digits are an image id, not a repository")
        return cls(registry, repository, tag, digest if at else None)

    @property
    def name(self) -> str:
        """``registry/repository``, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    def with_tag(self, tag: str) -> Reference:
        """Return this repository's ``tag``; InvalidInputError if it is malformed."""
        if not _TAG.fullmatch(tag):
            raise _invalid(tag, "malformed tag")
        return replace(self, tag=tag, digest=None)

    def with_digest(self, digest: str) -> Reference:
        """Return ``digest`` in this repository, without tag; InvalidInputError if malformed."""
        if not is_digest(digest):
            raise _invalid(digest, "no sha256 digest")
        return replace(self, tag=None, digest=digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"


def _split(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if slash and (any(c in first for c in ".:") or first == "localhost" or first.lower() != first):
        registry, repository = first, rest
    else:
        registry, repository = DOCKER, name
    if registry == "index.docker.io":
        registry = DOCKER
    if registry == DOCKER and "/" not in repository:
        repository = f"library/{repository}"
    return registry, repository


def _is_place(host: str, port: str | None) -> bool:
    if host.startswith("["):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            return False
    return port is None or 0 < int(port) <= _MAX_PORT


def _invalid(text: str, why: str) -> InvalidInputError:
    shown = text if len(text) <= _MAX_NAME else text[:_MAX_NAME] + "..."
    return InvalidInputError(
        f"not an image reference: {shown!a}: {why}",
        hint="write registry/repository, and maybe :tag or @sha256:<digest>",
    )
