"""What lies under an index: images, and what only accompanies them (attestations, signatures).

The manifests decide, not what an index says of them: an image that is called an attestation there
would be run all the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from imgforge.errors import EvidenceError, InvalidInputError
from imgforge.oci.layout import Blobs, CorruptLayoutError, references
from imgforge.oci.manifest import MAX_IMAGES, media_type
from imgforge.oci.selection import select
from imgforge.oci.types import CONFIG, INDEXES, MANIFESTS, Descriptor, Platform

_CONFIGS: Final = frozenset(
    {CONFIG, "application/vnd.docker.container.image.v1+json"}
    | {"application/octet-stream", "application/json", "text/html", ""}
)
"""The latter ones Docker takes for an image's too (moby, distribution: defaultImageTypes)."""
_STATEMENT: Final = "application/vnd.in-toto+json"
_OLD: Final = "application/vnd.docker.distribution.manifest.v1+"
_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Parts:
    """The manifests under some descriptors, each once.

    ``others`` are no images; ``absent`` are named in an index and are not there.
    """

    images: tuple[Descriptor, ...]
    others: tuple[Descriptor, ...] = ()
    absent: tuple[Descriptor, ...] = ()


def parts(blobs: Blobs, tops: Iterable[Descriptor]) -> Parts:
    """Read every manifest and index under ``tops``; CorruptLayoutError if one cannot be believed.

    There is at least one image: of nothing, every check would hold.
    """
    images, others, absent = [], [], []
    pending, seen = list(tops), set[str]()
    named = {top.digest for top in pending}
    while pending:
        here = pending.pop(0)
        if here.digest in seen:
            continue
        seen.add(here.digest)
        if len(seen) > MAX_IMAGES:
            raise CorruptLayoutError(f"{blobs.place} has over {MAX_IMAGES} manifests")
        _check_type(blobs, here)
        if here.digest not in named and not _is_there(blobs, here):
            absent.append(here)
        elif here.media_type in INDEXES:
            _strict(blobs, here)
            pending += blobs.children(here)
        elif is_image(_strict(blobs, here)):
            images.append(here)
        else:
            others.append(here)
    if not images and not absent:
        raise CorruptLayoutError(f"{blobs.place} holds no image")
    return Parts(tuple(images), tuple(others), tuple(absent))


def is_image(manifest: Mapping[str, Any]) -> bool:
    """Whether a runtime could start what ``manifest`` describes.

    Artifacts have a configuration of another type. BuildKit's attestations have an image's, and
    layers that are statements and nothing else; containerd unpacks none of them.
    """
    config, *layers = references(dict(manifest))
    if config.media_type not in _CONFIGS:
        return False
    return not layers or any(layer.media_type != _STATEMENT for layer in layers)


def chosen(blobs: Blobs, found: Parts, platforms: Collection[Platform]) -> Parts:
    """Return ``found`` with the images of ``platforms`` only; all if none is named.

    InvalidInputError if there is none for one of them.
    """
    if not platforms:
        return found
    everything = [*(_with_platform(blobs, image) for image in found.images), *found.absent]
    try:
        kept = {image.digest for image in select(everything, platforms)}
    except ValueError as error:
        have = sorted({str(image.platform) for image in everything if image.platform})
        raise InvalidInputError(
            f"{blobs.place}: {error}", hint=f"there is {', '.join(have) or 'none that is named'}"
        ) from error
    return Parts(
        tuple(image for image in found.images if image.digest in kept),
        found.others,
        tuple(image for image in found.absent if image.digest in kept),
    )


def verify(blobs: Blobs, others: Iterable[Descriptor]) -> None:
    """Hash all that accompanies the images; EvidenceError at the first blob that lies."""
    wanted = {b.digest: b for other in others for b in references(blobs.read_json(other))}
    for blob in wanted.values():
        state, size = hashlib.sha256(), 0
        try:
            with blobs.open_blob(blob) as file:
                while piece := file.read(_PIECE):
                    state.update(piece)
                    size += len(piece)
        except OSError as error:
            raise EvidenceError(f"{blobs.place} lacks blob {blob.digest}") from error
        if (f"sha256:{state.hexdigest()}", size) != (blob.digest, blob.size):
            raise EvidenceError(
                f"{blobs.place}: blob {blob.digest} does not match its descriptor",
                hint="it is no part of an image, but was attached to one: fetch or build it again",
            )


def _check_type(blobs: Blobs, here: Descriptor) -> None:
    if here.media_type in MANIFESTS | INDEXES:
        return
    if here.media_type.startswith(_OLD):
        raise CorruptLayoutError(
            f"{blobs.place}: {here.digest} is a manifest of schema 1",
            hint="its layers have no digests of their own; pull and push it with a current tool",
        )
    raise CorruptLayoutError(
        f"{blobs.place}: {here.digest} is {here.media_type[:100]!a}, no image manifest or index"
    )


def _is_there(blobs: Blobs, here: Descriptor) -> bool:
    try:
        with blobs.open_blob(here):
            return True
    except OSError:
        return False


def _strict(blobs: Blobs, here: Descriptor) -> dict[str, Any]:
    """Read a manifest or index that has one meaning only."""
    try:
        media_type(blobs.read(here), here.media_type)
    except ValueError as error:
        raise CorruptLayoutError(f"{blobs.place}: {here.digest}: {error}") from error
    return blobs.read_json(here)


def _with_platform(blobs: Blobs, image: Descriptor) -> Descriptor:
    if image.platform is not None:
        return image
    config = blobs.read_json(references(blobs.read_json(image))[0])
    words = (str(config.get(key) or "") for key in ("os", "architecture", "variant"))
    return replace(image, platform=Platform(*words))
