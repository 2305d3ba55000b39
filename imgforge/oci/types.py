"""Descriptors, platforms and media types (OCI image-spec 1.1)."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

from imgforge import strictjson

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
LAYER_TAR = "application/vnd.oci.image.layer.v1.tar"
LAYER_GZIP = LAYER_TAR + "+gzip"
LAYER_ZSTD = LAYER_TAR + "+zstd"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"
FOREIGN = frozenset(
    {
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        *(
            f"application/vnd.oci.image.layer.nondistributable.v1.tar{packing}"
            for packing in ("", "+gzip", "+zstd")
        ),
    }
)
"""Layers that lie somewhere else than their image (image-spec, layer.md)."""
MANIFESTS = frozenset({MANIFEST, DOCKER_MANIFEST})
INDEXES = frozenset({INDEX, DOCKER_INDEX})
EMPTY_JSON = b"{}"
MAX_MANIFEST = 4 << 20
"""Bytes; the size that registries must accept (distribution-spec) and the most we read."""

_DESCRIPTOR = ("mediaType", "digest", "size", "annotations", "platform", "artifactType", "urls")
_PLATFORM = ("os", "architecture", "variant")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def is_digest(text: object) -> bool:
    """Whether ``text`` is a sha256 digest in OCI's form."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def sha256(data: bytes) -> str:
    """Return the OCI digest (``sha256:<hex>``) of ``data``."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def canonical_json(value: object) -> bytes:
    """Serialise deterministically: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True, order=True)
class Platform:
    """``os/architecture[/variant]`` as in an OCI index."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read ``linux/amd64`` or ``linux/arm64/v8``; raise ValueError on anything else."""
        parts = text.split("/")
        if len(parts) not in (2, 3) or not all(re.fullmatch(r"[a-z0-9_]+", p) for p in parts):
            raise ValueError(f"not a platform: {text!r}")
        return cls(*parts)

    def __str__(self) -> str:
        return "/".join(p for p in (self.os, self.architecture, self.variant) if p)

    def to_json(self) -> dict[str, str]:
        """Return the descriptor's ``platform`` object."""
        out = {"architecture": self.architecture, "os": self.os}
        return {**out, "variant": self.variant} if self.variant else out


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A content descriptor (image-spec, descriptor.md)."""

    media_type: str
    digest: str
    size: int
    annotations: dict[str, str] = field(default_factory=dict)
    platform: Platform | None = None
    artifact_type: str | None = None

    @classmethod
    def from_json(cls, value: Any) -> Descriptor:  # noqa: ANN401 - decoded JSON of unknown shape
        """Check and read one descriptor; raise ValueError naming what is wrong."""
        if not isinstance(value, dict):
            raise ValueError("a descriptor is not an object")  # noqa: TRY004 - one error for bad input
        strictjson.exact(value, _DESCRIPTOR)
        media, digest, size = value.get("mediaType"), value.get("digest"), value.get("size")
        if not isinstance(media, str) or not is_digest(digest):
            said = f"{media!a}"[:100], f"{digest!a}"[:100]
            raise ValueError("descriptor has mediaType {} and digest {}".format(*said))
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise ValueError(f"descriptor {digest} has size {size!r}")
        notes = value.get("annotations") or {}
        if not isinstance(notes, dict) or not all(isinstance(v, str) for v in notes.values()):
            raise ValueError(f"descriptor {digest} has annotations that are not strings")
        plat = value.get("platform")
        platform = None
        if isinstance(plat, dict):
            strictjson.exact(plat, _PLATFORM)
            platform = Platform(
                str(plat.get("os", "")),
                str(plat.get("architecture", "")),
                str(plat.get("variant", "")),
            )
        artifact = value.get("artifactType")
        return cls(media, str(digest), size, notes, platform, artifact or None)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object, empty fields left out."""
        out: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.size,
        }
        if self.artifact_type:
            out["artifactType"] = self.artifact_type
        if self.annotations:
            out["annotations"] = dict(sorted(self.annotations.items()))
        if self.platform:
            out["platform"] = self.platform.to_json()
        return out
