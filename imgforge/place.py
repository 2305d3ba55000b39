"""Where a finished image lies that gets further evidence: built here, a layout, or a registry.

Whatever it is, its manifests and what is attached to them are read the same way, and evidence is
added in one step: a reader sees what was there before, or all of the new.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge import sole
from imgforge.errors import EvidenceError, InvalidInputError, TransientError
from imgforge.oci.layout import CorruptLayoutError, Layout, references
from imgforge.oci.types import INDEXES, Descriptor, Platform
from imgforge.output import DEFAULT, RECORD, Output
from imgforge.signing.bundle import MAX_SIZE, MEDIA_TYPES

if TYPE_CHECKING:
    from imgforge.oci.registry import Registry

MAX_ATTACHED = 256
"""The most things attached to one digest that are looked at."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Attached:
    """A bundle that is attached to an image, and the artifact (a referrer) that holds it."""

    referrer: Descriptor
    bundle: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """One image where it lies. ``name`` is what statements call it, ``title`` what people do.

    ``images`` are those under an index, or the image itself. ``layout`` holds the manifests;
    ``read`` returns what is attached to a digest, and ``add`` adds referrers that are stored in
    ``layout`` and takes away those of the digests given (a registry keeps them).
    """

    name: str
    title: str
    layout: Layout
    image: Descriptor
    images: tuple[Descriptor, ...]
    read: Callable[[str], list[Attached]] = field(repr=False)
    add: Callable[[Sequence[Descriptor], Collection[str]], None] = field(repr=False)

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """The platforms of an index; none of a single image."""
        if self.image.media_type not in INDEXES:
            return ()
        return tuple(image.platform for image in self.images if image.platform is not None)


@contextlib.contextmanager
def open_place(name: str, *, called: str | None = None, offline: bool = False) -> Iterator[Place]:
    """Open what ``name`` means: a project or its output, an OCI layout, or a registry's image.

    A tag is resolved once. ``called`` is the image's name in statements where no other is known.
    No other process changes the same layout meanwhile. Raises InvalidInputError, RegistryError,
    TransientError.
    """
    path = Path(name)
    if not path.exists():
        if offline:
            raise InvalidInputError(f"{name} is not on this machine, and this is --offline")
        with _registry(name, called) as place:
            yield place
        return
    with _writing(path), _local(path, called) as place:
        yield place


@contextlib.contextmanager
def _local(path: Path, called: str | None) -> Iterator[Place]:
    if path.is_file():
        path = path.parent
    if (path / "oci-layout").is_file() and not _is_output(path.absolute().parent, path):
        with _layout(path, called) as place:
            yield place
        return
    inside = path / DEFAULT
    folder = inside if inside.is_dir() else path
    if (path / "oci-layout").is_file():
        folder = path.absolute().parent
    with _built(Output(folder), called) as place:
        yield place


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = error.filename or path
        raise InvalidInputError(
            f"evidence cannot be added at {place}: {error.strerror or error}"
        ) from error


def _is_output(folder: Path, layout: Path) -> bool:
    return layout.name == "image" and (folder / RECORD).is_file() and (folder / "current").exists()


@contextlib.contextmanager
def _built(output: Output, called: str | None) -> Iterator[Place]:
    layout = output.layout()  # before anything is made there: it says what is missing
    with output.exclusive():
        record = output.record()
        if record is None:
            raise InvalidInputError(
                f"{output.path / RECORD} is missing or of another version of imgforge",
                hint="build again with: imgforge build",
            )

        def add(referrers: Sequence[Descriptor], gone: Collection[str]) -> None:
            kept = [r for r in record.referrer_list if r.digest not in gone]
            listed = [d for d in layout.index() if d.digest not in gone]
            with output.staging() as folder:
                new = Layout.create(folder / "image")
                for each in (record.descriptor, *kept, *referrers):
                    new.import_image(layout, each)
                new.write_index([*listed, *referrers])
                (folder / "evidence").mkdir()
                for file in sorted((output.path / "evidence").iterdir()):
                    (folder / "evidence" / file.name).write_bytes(file.read_bytes())
                found = tuple(r.to_json() for r in (*kept, *referrers))
                output.commit(folder, replace(record, referrers=found))

        yield Place(
            called or record.name,
            str(output.path),
            layout,
            record.descriptor,
            tuple(layout.images(record.descriptor)),
            lambda digest: _stored(layout, digest),
            add,
        )


@contextlib.contextmanager
def _layout(path: Path, called: str | None) -> Iterator[Place]:
    layout = Layout.open(path)
    with _alone(path):
        image = sole.image(layout, layout.index())
        name = called or image.annotations.get("org.opencontainers.image.ref.name") or path.name

        def add(referrers: Sequence[Descriptor], gone: Collection[str]) -> None:
            kept = [d for d in layout.index() if d.digest not in gone]
            layout.write_index([*kept, *referrers])

        yield Place(
            name or "image",
            str(path),
            layout,
            Descriptor(image.media_type, image.digest, image.size, platform=image.platform),
            tuple(layout.images(image)),
            lambda digest: _stored(layout, digest),
            add,
        )


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a layout's folder, so that no other one of us writes its index meanwhile."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise TransientError(f"another process is adding to {path}", hint="try again") from error
    finally:
        os.close(fd)


@contextlib.contextmanager
def _registry(name: str, called: str | None) -> Iterator[Place]:
    from imgforge.oci import referrers as evidence
    from imgforge.oci.reference import Reference
    from imgforge.oci.registry import Registry

    reference = Reference.parse(name)
    with (
        tempfile.TemporaryDirectory(prefix="imgforge-") as scratch,
        Registry(reference) as registry,
    ):
        layout = Layout.create(Path(scratch) / "layout")
        top, data = registry.resolve()
        layout.add(data, top.media_type)
        images = registry.fetch_manifests(top, layout, None)
        yield Place(
            called or reference.name,
            str(reference.with_digest(top.digest)),
            layout,
            top,
            tuple(images),
            lambda digest: _fetched(registry, layout, digest),
            lambda referrers, _: evidence.attach(registry, layout, referrers),
        )


def _stored(layout: Layout, digest: str) -> list[Attached]:
    found = layout.referrers(digest)
    _few(len(found), digest)
    return [
        Attached(referrer, layout.read(bundle, limit=MAX_SIZE))
        for referrer in found
        if (bundle := _bundle_of(layout, referrer)) is not None
    ]


def _fetched(registry: Registry, layout: Layout, digest: str) -> list[Attached]:
    from imgforge.oci.referrers import listed, read

    claimed = listed(registry, digest)
    _few(len(claimed), digest)
    found = []
    for claim in claimed:
        try:
            there, data, _ = read(registry, claim, digest)
            referrer = layout.add(data, there.media_type)
            bundle = _bundle_of(layout, referrer)
        except (ValueError, CorruptLayoutError):
            continue  # what others attached wrongly is no evidence
        if bundle is None or bundle.size > MAX_SIZE:
            continue
        registry.fetch_blob(bundle, layout)
        found.append(Attached(referrer, layout.read(bundle, limit=MAX_SIZE)))
    return found


def _bundle_of(layout: Layout, referrer: Descriptor) -> Descriptor | None:
    layers = references(layout.read_json(referrer))[1:]
    return layers[0] if len(layers) == 1 and layers[0].media_type in MEDIA_TYPES else None


def _few(count: int, digest: str) -> None:
    if count > MAX_ATTACHED:
        raise EvidenceError(f"over {MAX_ATTACHED} things are attached to {digest}")
