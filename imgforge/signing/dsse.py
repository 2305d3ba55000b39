"""DSSE envelopes (github.com/secure-systems-lab/dsse, v1.0.2)."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from imgforge.signing.key import PublicKey, decode64
from imgforge.signing.signer import Signer

IN_TOTO = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload, its type and the one signature over both."""

    payload_type: str
    payload: bytes
    signature: bytes

    @classmethod
    def from_json(cls, value: object) -> Envelope:
        """Read an envelope with exactly one signature; ValueError saying what is wrong."""
        if not isinstance(value, dict) or set(value) != {"payload", "payloadType", "signatures"}:
            raise ValueError("a DSSE envelope has payload, payloadType and signatures")
        kind, signatures = value["payloadType"], value["signatures"]
        if not isinstance(kind, str):
            raise ValueError("a DSSE payloadType is a string")  # noqa: TRY004 - one error
        if not isinstance(signatures, list) or len(signatures) != 1:
            raise ValueError("a DSSE envelope in a bundle has exactly one signature")
        (signature,) = signatures
        if not isinstance(signature, dict) or not {"sig"} <= set(signature) <= {"sig", "keyid"}:
            raise ValueError("a DSSE signature has sig and maybe keyid")
        return cls(kind, decode64(value["payload"]), decode64(signature["sig"]))

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "payload": base64.b64encode(self.payload).decode(),
            "payloadType": self.payload_type,
            "signatures": [{"sig": base64.b64encode(self.signature).decode()}],
        }

    def verify(self, key: PublicKey) -> bool:
        """Whether the signature is ``key``'s over this payload and this type."""
        return key.verify(self.signature, pae(self.payload_type, self.payload))


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the pre-authentication encoding: the bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, signer: Signer, payload_type: str = IN_TOTO) -> Envelope:
    """Sign ``payload`` as ``payload_type``."""
    return Envelope(payload_type, payload, signer.sign(pae(payload_type, payload)))
