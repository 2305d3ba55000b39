"""Where an image that is to be judged comes from.

A project, an OCI layout, an archive, Docker's store or a registry: each becomes :class:`Blobs`, and
nothing after this knows which it was. Nothing is unpacked: an archive is read where it lies, and
what comes as a stream is kept in a file without a name until it was read.
"""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from imgforge import files
from imgforge.errors import InvalidInputError, TransientError
from imgforge.oci.layout import Blobs, CorruptLayoutError, Layout
from imgforge.oci.types import INDEXES, Descriptor, Platform
from imgforge.sources import name as names
from imgforge.sources.name import Name, parse

__all__ = ["Name", "Source", "open_source", "parse", "title"]

_NAMES: Final = ("org.opencontainers.image.ref.name", "io.containerd.image.name")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Source:
    """An open source: ``tops`` are what its index names, or the one of them that was asked for.

    ``partial`` means that platforms which an index names may rightly be absent: Docker's store has
    only what was pulled.
    """

    blobs: Blobs
    tops: tuple[Descriptor, ...]
    partial: bool = False

    def digest(self) -> str:
        """Return the digest of the image or index; empty if there are several."""
        from imgforge.sources.parts import is_image

        found = [
            top
            for top in self.tops
            if top.media_type in INDEXES or is_image(self.blobs.read_json(top))
        ]
        return found[0].digest if len(found) == 1 else ""

    def images(self, platforms: Collection[Platform], say: Say) -> list[Descriptor]:
        """Return the manifests of images, only of ``platforms`` if given; there is at least one.

        What accompanies them is hashed. Raises CorruptLayoutError for what cannot be read or is
        absent, InvalidInputError for a platform that there is not, EvidenceError for a blob beside
        the images that lies.
        """
        from imgforge.sources.parts import chosen, parts, verify

        found = chosen(self.blobs, parts(self.blobs, self.tops), platforms)
        lacking = ", ".join(str(image.platform or image.digest) for image in found.absent)
        if lacking and self.partial and found.images:
            say(f"not judged, because it is not there: {lacking}")
        elif lacking:
            raise CorruptLayoutError(
                f"{self.blobs.place} lacks what its index names: {lacking}",
                hint="name what is to be judged with --platform, or bring all that the index names",
            )
        verify(self.blobs, found.others)
        return list(found.images)


def title(name: Name) -> str:
    """Return what an image is called: a project's image, a repository, a file or a folder.

    Only of a project is a record believed: exceptions of a policy are for images by name, and a
    layout from elsewhere must not choose its own.
    """
    from imgforge.oci.reference import Reference
    from imgforge.output import DEFAULT, Output

    if name.kind == names.REGISTRY:
        return Reference.parse(name.place).name
    if name.kind == names.DAEMON:
        return name.place
    if name.kind == names.PROJECT:
        for path in (name.path / DEFAULT, name.path):
            record = Output(path).record()
            if record is not None:
                return record.name
    return name.path.resolve().name


@contextlib.contextmanager
def open_source(name: Name, *, say: Say, offline: bool = False) -> Iterator[Source]:
    """Open what ``name`` means for as long as the block lasts.

    InvalidInputError if there is nothing, or nothing that can be read, or it is a registry's and
    this run is ``offline``; further errors as :class:`imgforge.sources.remote.Remote` and
    :func:`imgforge.engines.docker.save` raise them.
    """
    if name.kind == names.REGISTRY:
        with _remote(name, say, offline=offline) as source:
            yield source
    elif name.kind == names.PROJECT:
        layout = _built(name.path)
        yield Source(layout, _tops(layout, ""))
    elif name.kind == names.LAYOUT:
        layout = Layout.open(name.path if name.path.is_dir() else name.path.parent)
        yield Source(layout, _tops(layout, name.tag))
    elif name.kind == names.DOCKERFILE:
        raise InvalidInputError(f"{name.place} is a Dockerfile where an image is needed")
    else:
        with _archived(name, say) as source:
            yield source


@contextlib.contextmanager
def _remote(name: Name, say: Say, *, offline: bool) -> Iterator[Source]:
    if offline:
        raise InvalidInputError(
            f"{name.place} is in a registry, and this run is offline",
            hint=f"if it is in Docker's store: docker-daemon:{name.place}",
        )
    from imgforge.oci.reference import Reference
    from imgforge.oci.transport import MissingError
    from imgforge.sources.remote import Remote

    hint = f"what lies in Docker's store is docker-daemon:{name.place}, in a file its path"
    try:
        remote = Remote(Reference.parse(name.place), say)
    except MissingError as error:
        raise MissingError(
            f"there is no such image: {error.message}", details=error.details, hint=hint
        ) from error
    except TransientError as error:
        raise TransientError(error.message, hint=f"{error.hint};\n      {hint}") from error
    with remote:
        say(f"{name.place} is {remote.top.digest}")
        yield Source(remote, (remote.top,))


@contextlib.contextmanager
def _archived(name: Name, say: Say) -> Iterator[Source]:
    from imgforge.sources.archive import open_archive
    from imgforge.sources.members import Members

    daemon = name.kind == names.DAEMON
    kind = {names.OCI_ARCHIVE: "oci", names.DOCKER_ARCHIVE: "docker"}.get(name.kind, "")
    with _saved(name.place, say) if daemon else _plain(name.path, say) as file:
        place = f"docker-daemon:{name.place}" if daemon else name.place
        blobs = open_archive(Members(file, place), kind)
        yield Source(blobs, _tops(blobs, name.tag), partial=daemon)


@contextlib.contextmanager
def _saved(name: str, say: Say) -> Iterator[IO[bytes]]:
    """Have Docker's store write an image into a scratch file."""
    from imgforge.console import Meter
    from imgforge.engines import docker
    from imgforge.sources.spool import scratch

    with scratch() as file:
        meter = Meter(say, f"saving {name}")

        def take(piece: bytes) -> None:
            file.write(piece)
            meter.add(len(piece))

        docker.save(name, take)
        file.flush()
        yield file


@contextlib.contextmanager
def _plain(path: Path, say: Say) -> Iterator[IO[bytes]]:
    """Open an archive as plain tar: where it lies, or decompressed into a scratch file."""
    from imgforge.console import Meter
    from imgforge.sources.spool import inflate, is_packed, scratch

    if not path.is_file():
        raise InvalidInputError(
            f"{path} is no regular file", hint="write the archive into a file, and name that"
        )
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror}") from error
    with file:
        if not is_packed(file, str(path)):
            yield file
            return
        with scratch() as plain:
            inflate(file, plain, str(path), Meter(say, f"decompressing {path.name}"))
            yield plain


def _built(path: Path) -> Layout:
    """Open the layout of a project, or of an output directory."""
    from imgforge.output import DEFAULT, Output

    folder = path.parent if path.is_file() else path
    inside = folder / DEFAULT
    output = Output(inside if inside.is_dir() else folder)
    if not (folder / files.SPEC).is_file() and not (output.path / "image").is_dir():
        raise InvalidInputError(
            f"{folder} is neither a project with {files.SPEC} nor an image", hint=_instead(folder)
        )
    return output.layout()


def _instead(folder: Path) -> str:
    """Say what else could be judged in a folder that has no image."""
    found = sorted(path for path in folder.iterdir() if names.is_dockerfile(path))
    if found:
        return f"judge its Dockerfile with: imgforge check {shlex.quote(str(found[0]))}"
    return names.HINT


def _tops(blobs: Blobs, tag: str) -> tuple[Descriptor, ...]:
    """Return what an index names, each digest once; only ``tag`` of it if that is not empty."""
    listed = blobs.index()
    if tag:
        listed = [top for top in listed if any(_same(tag, name) for name in _names(top))]
        if not listed:
            known = sorted({name for top in blobs.index() for name in _names(top)})
            raise InvalidInputError(
                f"{blobs.place} has no image named {tag!a}",
                hint=f"it names {', '.join(known) or 'none'}",
            )
    return tuple({top.digest: top for top in listed}.values())


def _names(top: Descriptor) -> set[str]:
    return {top.annotations[key] for key in _NAMES if key in top.annotations}


def _same(one: str, other: str) -> bool:
    """Whether two names mean the same image: ``acme/web:1`` is ``docker.io/acme/web:1``."""
    from imgforge.oci.reference import Reference

    if one == other:
        return True
    try:
        return Reference.parse(one) == Reference.parse(other)
    except InvalidInputError:
        return False
