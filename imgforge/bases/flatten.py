"""Flattening: an image's layers made one, without what gives its starter another's rights.

A setuid bit or a file capability that an upper layer takes away still lies in the layer below, in
every registry and on every host. So the file system that the layers add up to is written again as
one layer, stripped. It is a function of the layers alone: flattened anywhere, an image has one
digest.

The analysis says which layer holds each file; the layers are then read once more as streams, and
nothing is laid out on disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

from imgforge import cache
from imgforge.analysis import ImageFacts, analyse
from imgforge.analysis.blob import Blob, Limits, ahead
from imgforge.analysis.compression import PIECE
from imgforge.analysis.facts import DIRECTORY, FILE, HARDLINK, SYMLINK, FileFact, LayerFacts
from imgforge.analysis.tar import Archive
from imgforge.bases.cached import usable
from imgforge.errors import RegistryError
from imgforge.oci.layer import Entry, write_layer
from imgforge.oci.layout import Layout, references
from imgforge.oci.types import CONFIG, INDEX, INDEXES, MANIFEST, Descriptor

_BITS: Final = 0o6000
_HARMLESS: Final = frozenset({"record", "unread", "encrypted", "closed", "damaged"})
"""Kinds of problems that leave no doubt about the files."""
_WHITEOUT: Final = b".wh."
_OWNERS: Final = 1 << 21
"""User and group ids are less than this: seven octal digits of a tar header."""

Place = tuple[int, str]
"""A layer's number, and the path under which it holds something."""


def bits(layout: Layout, top: Descriptor) -> list[str]:
    """Return the files with setuid or setgid bits or capabilities in any layer, sorted, once.

    RegistryError if an image is not what it says or holds what no base may: device nodes, paths
    that leave the root.
    """
    found = set()
    for image in filter(usable, layout.images(top)):
        for _, entry in _facts(layout, image).shipped():
            if entry.capability or (entry.kind in {FILE, HARDLINK} and entry.mode & _BITS):
                found.add(entry.path)
    return sorted(found)


def flatten(source: Layout, top: Descriptor, target: Layout) -> Descriptor:
    """Write the images under ``top`` into ``target``, each of one layer; return the new top.

    Configurations stay, without history. An index stays one, of the platforms that imgforge builds
    for; one image stays one. RegistryError as for :func:`bits`, and for sparse files.
    """
    made = [_image(source, image, target) for image in filter(usable, source.images(top))]
    if top.media_type not in INDEXES:
        return made[0]
    manifests = [image.to_json() for image in made]
    return target.add_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}, INDEX)


def _facts(layout: Layout, image: Descriptor) -> ImageFacts:
    facts = analyse(layout, image, cache=cache.directory("analysis"))
    problems = [*facts.problems]
    problems += [(number, p) for number, layer in enumerate(facts.layers) for p in layer.problems]
    details = [
        f"layer {number}: {p.path or '-'}: {p.detail}"
        for number, p in problems
        if p.kind not in _HARMLESS
    ]
    if details:
        raise RegistryError(f"the image {image.digest} cannot be a base", details=details[:20])
    return facts


def _image(source: Layout, image: Descriptor, target: Layout) -> Descriptor:
    facts = _facts(source, image)
    blobs = references(source.read_json(image))[1:]
    try:
        layer = write_layer(target, _entries(facts, [source.blob_path(b.digest) for b in blobs]))
    except ValueError as error:
        raise RegistryError(f"the image {image.digest} cannot be flattened: {error}") from error
    config = {key: value for key, value in facts.config.items() if key != "history"}
    config["rootfs"] = {"type": "layers", "diff_ids": [layer.diff_id]}
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": target.add_json(config, CONFIG).to_json(),
        "layers": [layer.descriptor.to_json()],
    }
    return target.add_json(manifest, MANIFEST, platform=image.platform)


def _entries(facts: ImageFacts, blobs: Sequence[Path]) -> Iterator[Entry]:
    """Yield directories, symbolic links, files in the order of the layers, then further names.

    ValueError for what a base must not hold.
    """
    # A parent's path sorts before what it holds.
    ordered = sorted(fact for fact in facts.files.values() if fact.path)
    files: dict[Place, list[FileFact]] = {}
    for fact in ordered:
        if max(fact.uid, fact.gid) >= _OWNERS:
            raise ValueError(f"/{fact.path} belongs to {fact.uid}:{fact.gid}")
        if fact.kind == FILE:
            files.setdefault((fact.layer, fact.origin), []).append(fact)
        elif fact.kind not in {DIRECTORY, SYMLINK}:
            raise ValueError(f"/{fact.path} is a special file")
    yield from (_entry(fact) for fact in ordered if fact.kind == DIRECTORY)
    yield from (_entry(fact, link=fact.link) for fact in ordered if fact.kind == SYMLINK)
    for number, (layer, blob) in enumerate(zip(facts.layers, blobs, strict=True)):
        wanted = {path: names for (at, path), names in files.items() if at == number}
        if wanted:
            yield from _contents(layer, blob, wanted)
    for first, *others in files.values():
        yield from (_entry(other, same=first.path) for other in others)


def _contents(
    layer: LayerFacts, blob: Path, wanted: Mapping[str, Sequence[FileFact]]
) -> Iterator[Entry]:
    """Yield the files of one layer that are ``wanted``, by the path that the layer has."""
    with blob.open("rb", buffering=0) as file:
        yield from _taken(layer, file, blob.stat().st_size, wanted)


def _taken(
    layer: LayerFacts, file: IO[bytes], size: int, wanted: Mapping[str, Sequence[FileFact]]
) -> Iterator[Entry]:
    limits = Limits()
    archive = Archive(ahead(Blob(file, size, limits).pieces()), limits)
    entries = iter(layer.entries)
    done = set()
    for member in archive:
        parts = [part for part in member.name.split(b"/") if part not in {b"", b"."}]
        if parts and parts[-1].startswith(_WHITEOUT):
            continue
        entry = next(entries, None)  # the analysis has one for each member that is no whiteout
        if entry is None or entry.kind != member.kind:
            raise ValueError("a layer is not what the analysis found")
        if entry.kind != FILE or entry.path not in wanted:
            continue
        if entry.path in done:
            raise ValueError(f"/{entry.path} is twice in one layer")
        if member.sparse:
            raise ValueError(f"/{entry.path} is a sparse file")
        done.add(entry.path)
        fact = wanted[entry.path][0]
        yield _entry(fact, pieces=iter(partial(archive.read, PIECE), b""), size=member.size)
    if missing := wanted.keys() - done:
        raise ValueError(f"/{min(missing)} is not in the layer that should hold it")


def _entry(fact: FileFact, **content: Any) -> Entry:  # noqa: ANN401 - Entry's own fields
    return Entry(fact.path, fact.mode & ~_BITS, fact.uid, fact.gid, **content)
