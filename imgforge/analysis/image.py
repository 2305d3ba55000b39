"""One image: its configuration, its layers (several at once), and what follows from all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from imgforge import malware
from imgforge.analysis import elsewhere, store
from imgforge.analysis.config import Settings, read
from imgforge.analysis.facts import ImageFacts, LayerFacts, Problem
from imgforge.analysis.installed import packages
from imgforge.analysis.merge import merge
from imgforge.malware import UNSCANNED, Scanner
from imgforge.oci.layout import Blobs, CorruptLayoutError, references
from imgforge.oci.types import FOREIGN, MANIFESTS, Descriptor

_DECIDING: Final = ("etc/passwd", "etc/group", "etc/shadow", "etc/ld.so.preload")

LAYERS: Final = 1_000
"""Layers of an image; no runtime mounts as many."""

ENTRIES: Final = 4_000_000
"""Entries of all layers together, which are held in memory."""


def analyse(
    blobs: Blobs,
    image: Descriptor,
    *,
    cache: Path | None = None,
    anew: bool = False,
    whole: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> ImageFacts:
    """Read the image manifest ``image`` of ``blobs`` and every layer it names, each once.

    ``cache`` is a directory of this user's alone. Facts found there under a layer's digest answer
    for that layer, and its blob is then not read again: facts are a function of the bytes, the
    digest names these, and whatever is published or verified later is hashed again there. A blob
    that does not match its digest yields a problem in the facts and is never kept in the cache.
    With ``anew`` every layer is read, whatever is known of it; with ``whole`` one that is known is
    at least held against its digest, unless that was done since it last changed. ``progress`` is
    told how many bytes of layers were read each time some were.

    Raises CorruptLayoutError if the manifest or configuration cannot be believed or read at all,
    and what :func:`imgforge.malware.scanner` and its engines raise; everything wrong with a layer
    is recorded in the facts.
    """
    if image.media_type not in MANIFESTS:
        raise CorruptLayoutError(f"{image.digest} is no image manifest")
    config_descriptor, *descriptors = references(blobs.read_json(image))
    config = blobs.read_json(config_descriptor)
    settings = read(config)
    if len(descriptors) > LAYERS:
        raise CorruptLayoutError(f"{image.digest} has over {LAYERS} layers")
    layers = _layers(
        blobs, descriptors, None if anew else cache, cache, whole=whole, progress=progress
    )
    problems = [*_against(image, settings, descriptors, layers)]
    files, between = merge(layers)
    facts = ImageFacts(
        digest=image.digest,
        platform=settings.platform,
        config=config,
        settings=settings,
        layers=layers,
        files=files,
        problems=(*problems, *between),
    )
    unread = (*_unread(facts), *elsewhere.records(facts))
    object.__setattr__(facts, "problems", (*facts.problems, *unread))
    object.__setattr__(facts, "packages", tuple(packages(facts)))
    return facts


def _layers(
    blobs: Blobs,
    descriptors: Sequence[Descriptor],
    answers: Path | None,
    cache: Path | None,
    *,
    whole: bool,
    progress: Callable[[int], None],
) -> tuple[LayerFacts, ...]:
    scanner = malware.scanner(cache)
    known: dict[str, LayerFacts] = {}
    missing: dict[str, Descriptor] = {}
    for descriptor in descriptors:
        kept = store.load(answers, descriptor.digest, scanner.identity) if answers else None
        if kept is not None:
            known[descriptor.digest] = kept
        else:
            missing[descriptor.digest] = descriptor
    if whole and answers and not blobs.proven:
        missing |= _broken(blobs, [d for d in descriptors if d.digest in known], answers)
    if missing:
        known |= _read(blobs, list(missing.values()), cache, scanner, progress)
    found = tuple(known[descriptor.digest] for descriptor in descriptors)
    _bounded(found)
    return found


def _bounded(layers: Iterable[LayerFacts]) -> None:
    """CorruptLayoutError if these have more entries than an image may have."""
    if sum(len(layer.entries) for layer in layers) > ENTRIES:
        raise CorruptLayoutError(f"the layers have over {ENTRIES} entries together")


def _broken(blobs: Blobs, known: Sequence[Descriptor], cache: Path) -> dict[str, Descriptor]:
    """Return those of ``known`` whose bytes are others here: facts of the right ones are no use."""
    from imgforge.analysis.whole import is_noted, is_whole

    known = [descriptor for descriptor in known if not is_noted(blobs, descriptor, cache)]
    if not known:
        return {}  # without threads, whose library takes longer to load than a small layer to read
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = pool.map(lambda descriptor: is_whole(blobs, descriptor, cache), known)
        return {d.digest: d for d, whole in zip(known, found, strict=True) if not whole}


class _Told:
    """A file that tells how many bytes are read from it."""

    def __init__(self, file: IO[bytes], progress: Callable[[int], None]) -> None:
        self._file = file
        self._progress = progress

    def read(self, count: int) -> bytes:
        """Return up to ``count`` bytes."""
        data = self._file.read(count)
        self._progress(len(data))
        return data


def _read(
    blobs: Blobs,
    descriptors: list[Descriptor],
    cache: Path | None,
    scanner: Scanner,
    progress: Callable[[int], None],
) -> dict[str, LayerFacts]:
    from imgforge.analysis.layer import read_layer
    from imgforge.secrets.engine import candidates

    engine, done = candidates(cache), list[LayerFacts]()

    def one(descriptor: Descriptor) -> LayerFacts:
        try:
            with blobs.open_blob(descriptor) as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(0)
                facts = read_layer(_Told(file, progress), size, engine, scanner=scanner)
        except OSError as error:
            detail = f"the blob cannot be read: {error.strerror}"
            if descriptor.media_type in FOREIGN:
                detail = "it lies elsewhere than the image (a foreign layer) and was not read"
            problem = Problem("digest", "", detail)
            return LayerFacts(descriptor.digest, "", 0, problems=(problem,))
        # What a scanner could not look at for want of time it may see the next time.
        certain = all(hit.rule != UNSCANNED for hit in facts.malware)
        done.append(facts)
        _bounded(tuple(done))
        if cache is not None and certain and facts.digest == descriptor.digest:
            store.save(cache, facts, scanner.identity)
        return facts

    if len(descriptors) == 1:
        return {descriptors[0].digest: one(descriptors[0])}
    from concurrent.futures import ThreadPoolExecutor

    # The largest first: it decides when all are done.
    descriptors.sort(key=lambda descriptor: -descriptor.size)
    pool, wait = ThreadPoolExecutor(min(len(descriptors), os.cpu_count() or 1)), True
    try:
        return dict(zip((d.digest for d in descriptors), pool.map(one, descriptors), strict=True))
    except KeyboardInterrupt:
        wait = False  # a thread may be reading from a network that is silent
        raise
    finally:
        pool.shutdown(wait=wait, cancel_futures=True)


def _against(
    image: Descriptor,
    settings: Settings,
    descriptors: Sequence[Descriptor],
    layers: Sequence[LayerFacts],
) -> Iterator[tuple[int, Problem]]:
    """Compare what was read with what manifest, index and configuration say."""
    named, own = image.platform, settings.platform
    if named is not None and (
        (named.os, named.architecture) != (own.os, own.architecture)
        or (named.variant and own.variant and named.variant != own.variant)
    ):
        detail = f"the index says {named}, the configuration {own}"
        yield -1, Problem("malformed", "", detail)
    if len(settings.diff_ids) != len(layers):
        detail = f"the configuration lists {len(settings.diff_ids)} layers, not {len(layers)}"
        yield -1, Problem("diff-id", "", detail)
    for index, (descriptor, layer) in enumerate(zip(descriptors, layers, strict=True)):
        if layer.digest != descriptor.digest:
            yield index, Problem("digest", "", f"the blob's bytes have {layer.digest}")
        elif layer.diff_id and layer.size != descriptor.size:
            detail = f"the blob has {layer.size} bytes, its descriptor says {descriptor.size}"
            yield index, Problem("digest", "", detail)
        wanted = settings.diff_ids[index] if index < len(settings.diff_ids) else ""
        if layer.diff_id and wanted and layer.diff_id != wanted:
            detail = f"the layer decompresses to {layer.diff_id}, not {wanted}"
            yield index, Problem("diff-id", "", detail)


def _unread(image: ImageFacts) -> Iterator[tuple[int, Problem]]:
    """Find files that decide who is who, and whose text lies where nobody reads it."""
    for path in _DECIDING:
        fact = image.lookup(path)
        if fact is not None and fact.size and image.text(path) is None:
            detail = "it is too large or a link elsewhere, so what it says was not judged"
            yield fact.layer, Problem("unread", path, detail)
