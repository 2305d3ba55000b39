"""The one image or index that a layout or archive lists beside evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from imgforge.errors import InvalidInputError
from imgforge.oci.layout import Blobs, references
from imgforge.oci.types import INDEXES, Descriptor
from imgforge.signing import simple

_OLDER: Final = frozenset({simple.MEDIA_TYPE, simple.ATTESTATION})


def image(blobs: Blobs, tops: Iterable[Descriptor], hint: str | None = None) -> Descriptor:
    """Return the image among ``tops``, which are listed; InvalidInputError if it is not just one.

    What is listed beside an index that has it (oras lists all it copied) is not another one.
    """
    listed = {top.digest: top for top in tops}.values()
    indexes = [top for top in listed if top.media_type in INDEXES]
    under = {each.digest for top in indexes for each in blobs.images(top)}
    found = [
        top
        for top in listed
        if top.digest not in under
        and (top in indexes or not _is_evidence(top, blobs.read_json(top)))
    ]
    if len(found) != 1:
        raise InvalidInputError(
            f"{blobs.place} holds {len(found)} images where one is expected",
            hint=hint,
        )
    return found[0]


def _is_evidence(listed: Descriptor, manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest that a layout lists is no image, but was attached to one."""
    if listed.artifact_type or "artifactType" in manifest or "subject" in manifest:
        return True
    layers = references(dict(manifest))[1:]
    return bool(layers) and all(layer.media_type in _OLDER for layer in layers)
