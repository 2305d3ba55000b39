"""On which base an image of somebody's stands, where no lock says so."""

from __future__ import annotations

from typing import Final

from imgforge.analysis.facts import ImageFacts

LABEL: Final = "org.opencontainers.image.base.digest"
"""Of the base's manifest or index (image-spec, annotations)."""


def base_of(image: ImageFacts) -> tuple[str, ...]:
    """Return the digests of the uncompressed layers of the base that ``image`` names; or nothing.

    A label alone proves nothing: the base must be one that was made here and is in the cache, and
    its layers the lowest of the image. So the answer differs from machine to machine; what must not
    (a document) takes it from a lock.
    """
    from imgforge import bases
    from imgforge.bases.needed import layers_of
    from imgforge.oci.types import is_digest

    labels = (image.config.get("config") or {}).get("Labels") or {}
    named = labels.get(LABEL, "")
    if not is_digest(named):
        return ()
    layout = bases.held(named)
    if layout is None:
        return ()
    layers = layers_of(layout, image.platform)
    own = tuple(layer.diff_id for layer in image.layers[: len(layers)])
    return layers if own == layers else ()
