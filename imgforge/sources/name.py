"""What a person writes for an image: skopeo's transports, or what is told from what is there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imgforge.errors import InvalidInputError
from imgforge.files import SPEC
from imgforge.oci.reference import Reference

PROJECT, LAYOUT, DOCKERFILE = "project", "oci", "dockerfile"
OCI_ARCHIVE, DOCKER_ARCHIVE, ARCHIVE = "oci-archive", "docker-archive", "archive"
DAEMON, REGISTRY = "docker-daemon", "registry"

HINT: Final = (
    "name a project, layout, archive or Dockerfile that exists, or an image in a registry;\n"
    "      to be exact: oci:PATH[:TAG], oci-archive:PATH[:TAG], docker-archive:PATH[:NAME],\n"
    "      docker-daemon:NAME, docker://REFERENCE, dockerfile:PATH"
)

_PREFIXES: Final = {
    "oci:": LAYOUT,
    "oci-archive:": OCI_ARCHIVE,
    "docker-archive:": DOCKER_ARCHIVE,
    "docker-daemon:": DAEMON,
    "docker://": REGISTRY,
    "dockerfile:": DOCKERFILE,
}
"""As skopeo has them. ``docker:24`` and ``registry:2`` stay what they are: images on Docker Hub."""

_TAGGED: Final = frozenset({LAYOUT, OCI_ARCHIVE, DOCKER_ARCHIVE})
_DOCKERFILE: Final = re.compile(
    r"(?:dockerfile|containerfile)(?:\..+)?|.+\.(?:dockerfile|containerfile)", re.IGNORECASE
)
_ARCHIVE_NAME: Final = re.compile(r".+\.(?:tar|tgz|tar\.(?:gz|zst|zstd))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Name:
    """What is meant: ``kind`` is one of this module's, ``place`` a path or a reference.

    ``tag`` chooses one of several images in a layout or archive, if it is not empty.
    """

    kind: str
    place: str
    tag: str = ""

    @property
    def path(self) -> Path:
        """The place as a path."""
        return Path(self.place)

    @property
    def text(self) -> str:
        """What :func:`parse` takes for just this."""
        prefix = next((prefix for prefix, kind in _PREFIXES.items() if kind == self.kind), "")
        return f"{prefix}{self.place}" + (f":{self.tag}" if self.tag else "")


def parse(text: str) -> Name:
    """Tell what ``text`` means: its prefix says so, or what exists under it, or it is a reference.

    InvalidInputError if it is nothing of all that.
    """
    for prefix, kind in _PREFIXES.items():
        if text.startswith(prefix):
            return _exact(kind, text.removeprefix(prefix))
    if _exists(text):
        return Name(_local(Path(text)), text)
    if text.startswith((".", "/", "~")) or _ARCHIVE_NAME.fullmatch(text):
        raise InvalidInputError(f"there is no file or folder {text[:255]!a}", hint=HINT)
    try:
        Reference.parse(text)
    except InvalidInputError as error:
        raise InvalidInputError(
            f"there is nothing at {text[:255]!a}, and it is no image reference",
            details=[error.message],
            hint=HINT,
        ) from error
    return Name(REGISTRY, text)


def _exact(kind: str, rest: str) -> Name:
    if kind == REGISTRY:
        Reference.parse(rest)
        return Name(kind, rest)
    if kind == DAEMON:
        return Name(kind, rest)
    path, tag = rest, ""
    if kind in _TAGGED and not _exists(rest):
        path, _, tag = rest.partition(":")
    if not _exists(path):
        raise InvalidInputError(f"there is no file or folder {path[:255]!a}", hint=HINT)
    return Name(kind, path, tag)


def _exists(text: str) -> bool:
    try:
        return bool(text) and Path(text).exists()
    except (OSError, ValueError):
        return False  # a name that no file can have


def _local(path: Path) -> str:
    if path.is_dir():
        return LAYOUT if (path / "oci-layout").is_file() else PROJECT
    if path.name == SPEC:
        return PROJECT
    if path.name == "index.json" and (path.parent / "oci-layout").is_file():
        return LAYOUT
    return DOCKERFILE if is_dockerfile(path) else ARCHIVE


def is_dockerfile(path: Path) -> bool:
    """Whether a file is called as Dockerfiles are."""
    return _DOCKERFILE.fullmatch(path.name) is not None and path.is_file()
