"""Sigstore bundles v0.3 (github.com/sigstore/protobuf-specs, sigstore_bundle.proto) of a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from imgforge import strictjson
from imgforge.oci.types import canonical_json
from imgforge.signing.dsse import Envelope

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MEDIA_TYPES = (MEDIA_TYPE, "application/vnd.dev.sigstore.bundle+json;version=0.3")
MAX_SIZE = 64 << 20
"""Bytes; a bundle holds an SBOM, and those of large images reach tens of megabytes."""

_PARTS = {"mediaType", "verificationMaterial", "dsseEnvelope"}
_PROOFS = {"tlogEntries", "timestampVerificationData"}


@dataclass(frozen=True, slots=True)
class Bundle:
    """An envelope and the hint at the key that signed it. The hint is not evidence."""

    envelope: Envelope
    hint: str

    def to_bytes(self) -> bytes:
        """Return canonical JSON as cosign stores it."""
        return canonical_json(
            {
                "mediaType": MEDIA_TYPE,
                "verificationMaterial": {"publicKey": {"hint": self.hint}},
                "dsseEnvelope": self.envelope.to_json(),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Bundle:
        """Read a bundle that a key signed; ValueError saying what is wrong.

        A bundle of a certificate is refused: who holds a certificate is another question than
        who holds the key. Log entries and timestamps may be present and prove nothing here.
        """
        if len(data) > MAX_SIZE:
            raise ValueError(f"the bundle is over {MAX_SIZE} bytes")
        value = strictjson.load_object(data)
        if value.get("mediaType") not in MEDIA_TYPES:
            raise ValueError(f"the bundle's media type is {value.get('mediaType')!a}")
        if set(value) != _PARTS:
            raise ValueError("the bundle has other parts than a key's signed DSSE envelope")
        return cls(
            Envelope.from_json(value["dsseEnvelope"]), key_hint(value["verificationMaterial"])
        )


def key_hint(material: Any) -> str:  # noqa: ANN401 - decoded JSON of unknown shape
    """Return the name that ``verificationMaterial`` gives a key; ValueError if it has none."""
    if not isinstance(material, dict) or not {"publicKey"} <= set(material) <= {
        "publicKey",
        *_PROOFS,
    }:
        raise ValueError("the bundle was not signed by a plain key")
    key = material["publicKey"]
    if not isinstance(key, dict) or not set(key) <= {"hint"}:
        raise ValueError("the bundle's publicKey is malformed")
    hint = key.get("hint", "")
    if not isinstance(hint, str):
        raise ValueError("the bundle's hint is not a string")  # noqa: TRY004 - one error
    return hint
