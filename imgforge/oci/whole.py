"""Whether an image is whole: every blob of it is there and is what its descriptor says."""

from __future__ import annotations

import hashlib

from imgforge.errors import EvidenceError
from imgforge.oci.layout import Blobs, references
from imgforge.oci.types import Descriptor

_PIECE = 1 << 20


def verify_blobs(blobs: Blobs, image: Descriptor) -> None:
    """Hash every blob of ``image`` (a manifest or an index); EvidenceError at the first that lies.

    This proves that an image is whole, not who made it.
    """
    for manifest in blobs.images(image):
        hash_blobs(blobs, manifest)


def hash_blobs(blobs: Blobs, image: Descriptor) -> None:
    """Hash every blob of one manifest; errors as of :func:`verify_blobs`."""
    for blob in references(blobs.read_json(image)):
        state, size = hashlib.sha256(), 0
        try:
            with blobs.open_blob(blob) as file:
                while piece := file.read(_PIECE):
                    size += len(piece)
                    state.update(piece)
        except OSError as error:
            raise EvidenceError(f"{blobs.place} lacks blob {blob.digest}") from error
        if (f"sha256:{state.hexdigest()}", size) != (blob.digest, blob.size):
            raise EvidenceError(f"blob {blob.digest} does not match its descriptor")
