"""Cosign's older signatures: a "simple signing" payload, all else in annotations (read only).

They lie under the tag ``sha256-<hex>.sig``, one layer each (github.com/sigstore/cosign,
``specs/SIGNATURE_SPEC.md``; the payload is containers/image's ``containers-signature.5.md``).
"""

from __future__ import annotations

from dataclasses import dataclass

from imgforge import strictjson
from imgforge.oci.types import Descriptor
from imgforge.signing.key import decode64

MEDIA_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
MAX_PAYLOAD = 64 << 10
"""Bytes; a payload names an image and maybe a few annotations."""

_SIGNATURE = "dev.cosignproject.cosign/signature"
_CERTIFICATE = "dev.sigstore.cosign/certificate"
_LOG = "dev.sigstore.cosign/bundle"
_TYPE = "cosign container image signature"


@dataclass(frozen=True, slots=True)
class SimpleSignature:
    """The bytes that were signed, the signature, and maybe a certificate (PEM) and log entry.

    ``log`` is Rekor's answer as cosign keeps it: ``{"SignedEntryTimestamp", "Payload"}``.
    """

    payload: bytes
    signature: bytes
    certificate: bytes | None
    log: bytes | None

    @classmethod
    def from_layer(cls, layer: Descriptor, payload: bytes) -> SimpleSignature:
        """Read one layer's descriptor and its content; ValueError if it holds no signature."""
        if layer.media_type != MEDIA_TYPE:
            raise ValueError(f"its media type is {layer.media_type!a}")
        notes = layer.annotations
        certificate, log = notes.get(_CERTIFICATE), notes.get(_LOG)
        return cls(
            payload,
            decode64(notes.get(_SIGNATURE)),
            certificate.encode() if certificate else None,
            log.encode() if log else None,
        )

    def is_about(self, digest: str) -> bool:
        """Whether the payload names the image ``digest``; ValueError if it is malformed."""
        critical = strictjson.load_object(self.payload).get("critical")
        image = critical.get("image") if isinstance(critical, dict) else None
        if not isinstance(critical, dict) or critical.get("type") != _TYPE:
            raise ValueError("its payload is no signature of an image")
        return isinstance(image, dict) and image.get("docker-manifest-digest") == digest
