"""Cosign's older signatures and attestations: all but what was signed in annotations (read only).

They lie under the tags ``sha256-<hex>.sig`` and ``.att``, one layer each (sources:
github.com/sigstore/cosign, ``specs/SIGNATURE_SPEC.md`` and ``specs/ATTESTATION_SPEC.md``; the
payload of a signature is containers/image's ``containers-signature.5.md``, an attestation's layer
is a DSSE envelope).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from imgforge import strictjson
from imgforge.oci.types import Descriptor
from imgforge.signing.dsse import Envelope
from imgforge.signing.entry import MAX_BODY
from imgforge.signing.key import decode64

MEDIA_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
ATTESTATION = "application/vnd.dsse.envelope.v1+json"
MAX_PAYLOAD = 64 << 10
"""Bytes; a payload names an image and maybe a few annotations."""
MAX_ENVELOPE = 64 << 20
"""Bytes; an attestation holds an SBOM, and those of large images reach tens of megabytes."""
_MAX_VALUES = 64
"""The most values in an envelope's JSON, whose bulk is one text."""
MAX_ANNOTATION = 2 * MAX_BODY

_SIGNATURE = "dev.cosignproject.cosign/signature"
_CERTIFICATE = "dev.sigstore.cosign/certificate"
_LOG = "dev.sigstore.cosign/bundle"
_TIMESTAMP = "dev.sigstore.cosign/rfc3161timestamp"
_TYPE = "cosign container image signature"


@dataclass(frozen=True, slots=True)
class SimpleSignature:
    """The bytes that were signed, the signature, and maybe a certificate (PEM) and witnesses.

    ``log`` is Rekor's answer as cosign keeps it: ``{"SignedEntryTimestamp", "Payload"}``.
    ``timestamp`` is an RFC 3161 response over the signature.
    """

    payload: bytes
    signature: bytes
    certificate: bytes | None
    log: bytes | None
    timestamp: bytes | None = None

    @classmethod
    def from_layer(cls, layer: Descriptor, payload: bytes) -> SimpleSignature:
        """Read one layer's descriptor and its content; ValueError if it holds no signature."""
        if layer.media_type != MEDIA_TYPE:
            raise ValueError(f"its media type is {layer.media_type!a}")
        notes = _notes(layer)
        return cls(
            payload,
            decode64(notes.get(_SIGNATURE)),
            _bytes(notes, _CERTIFICATE),
            _bytes(notes, _LOG),
            _timestamp(notes),
        )

    def is_about(self, digest: str) -> bool:
        """Whether the payload names the image ``digest``; ValueError if it is malformed."""
        critical = strictjson.load_object(self.payload).get("critical")
        image = critical.get("image") if isinstance(critical, dict) else None
        if not isinstance(critical, dict) or critical.get("type") != _TYPE:
            raise ValueError("its payload is no signature of an image")
        return isinstance(image, dict) and image.get("docker-manifest-digest") == digest


@dataclass(frozen=True, slots=True)
class OlderAttestation:
    """A DSSE envelope, its ``text`` as it was logged, and maybe a certificate and witnesses.

    The other fields are as of :class:`SimpleSignature`; ``timestamp`` may be over ``text`` too.
    """

    envelope: Envelope
    text: bytes
    certificate: bytes | None
    log: bytes | None
    timestamp: bytes | None = None

    @classmethod
    def from_layer(cls, layer: Descriptor, data: bytes) -> OlderAttestation:
        """Read one layer's descriptor and its content; ValueError if it is no attestation."""
        if layer.media_type != ATTESTATION:
            raise ValueError(f"its media type is {layer.media_type!a}")
        if len(data) > MAX_ENVELOPE:
            raise ValueError(f"it is over {MAX_ENVELOPE} bytes")
        strictjson.slim(data, _MAX_VALUES)
        notes = _notes(layer)
        return cls(
            Envelope.from_json(strictjson.load_object(data)),
            data,
            _bytes(notes, _CERTIFICATE),
            _bytes(notes, _LOG),
            _timestamp(notes),
        )


def _notes(layer: Descriptor) -> Mapping[str, str]:
    for name in (_SIGNATURE, _CERTIFICATE, _LOG, _TIMESTAMP):
        if len(layer.annotations.get(name, "")) > MAX_ANNOTATION:
            raise ValueError(f"its annotation {name} is over {MAX_ANNOTATION} characters")
    return layer.annotations


def _bytes(notes: Mapping[str, str], name: str) -> bytes | None:
    found = notes.get(name)
    return found.encode() if found else None


def _timestamp(notes: Mapping[str, str]) -> bytes | None:
    found = _bytes(notes, _TIMESTAMP)
    if found is None:
        return None
    return decode64(strictjson.load_object(found).get("SignedRFC3161Timestamp"))
