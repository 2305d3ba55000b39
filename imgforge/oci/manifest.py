"""What a manifest or an index is, told from its own bytes."""

from __future__ import annotations

from typing import Final

from imgforge import strictjson
from imgforge.oci.types import INDEXES, MANIFESTS

MAX_IMAGES = 512
"""Manifests under one index."""

_KEYS: Final = frozenset(
    {"schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "fsLayers"}
    | {"subject", "annotations"}
)


def media_type(data: bytes, header: str | None) -> str:
    """Return the media type of a manifest or index; ValueError if it has none or two.

    A document that can be read as both is refused (GHSA-77vh-xpmg-72qh, CVE-2021-41190).
    """
    value = strictjson.load_object(data)
    strictjson.exact(value, _KEYS)
    sent = (header or "").partition(";")[0].strip().lower()
    media = value.get("mediaType", sent)
    if not isinstance(media, str) or media not in MANIFESTS | INDEXES:
        raise ValueError(f"its media type is {str(media)[:100]!a}")
    if sent in MANIFESTS | INDEXES and sent != media:
        raise ValueError("it was sent as another media type than it says it has")
    wrong = ("config", "layers") if media in INDEXES else ("manifests", "fsLayers")
    if value.get("schemaVersion") != 2 or any(key in value for key in wrong):  # noqa: PLR2004
        raise ValueError("it is no unambiguous manifest of schema version 2")
    return media
