"""A tiny image of one empty layer, for tests of what happens around images."""

from __future__ import annotations

import gzip

from imgforge.oci.layout import Layout
from imgforge.oci.types import (
    CONFIG,
    INDEX,
    LAYER_GZIP,
    MANIFEST,
    Descriptor,
    Platform,
    sha256,
)


def image(layout: Layout, architecture: str = "amd64", salt: bytes = b"") -> Descriptor:
    """Add an image for linux/``architecture`` whose layer's bytes depend on ``salt``."""
    tar = bytes(1024) + salt
    layer = layout.add(gzip.compress(tar, mtime=0), LAYER_GZIP)
    config = layout.add_json(
        {
            "architecture": architecture,
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [sha256(tar)]},
        },
        CONFIG,
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.to_json(),
        "layers": [layer.to_json()],
    }
    return layout.add_json(manifest, MANIFEST, platform=Platform("linux", architecture))


def index(layout: Layout, *images: Descriptor) -> Descriptor:
    """Add an index of ``images``."""
    value = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [i.to_json() for i in images]}
    return layout.add_json(value, INDEX)
