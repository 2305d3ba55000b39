"""Signatures over the bytes of a file, as ``cosign sign-blob --bundle`` makes them.

A Sigstore bundle v0.3 with a ``messageSignature`` (protobuf-specs, sigstore_bundle.proto): no
statement says what the bytes are, so whoever asks must know. No image's signature passes for one:
those are over DSSE's encoding.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from imgforge import strictjson
from imgforge.oci.types import canonical_json
from imgforge.signing import bundle
from imgforge.signing.key import PublicKey, decode64
from imgforge.signing.signer import Signer

_PARTS: Final = {"mediaType", "verificationMaterial", "messageSignature"}
_ALGORITHM: Final = "SHA2_256"


def sign(data: bytes, signer: Signer) -> bytes:
    """Return the bundle of ``signer``'s signature over ``data``; EvidenceError if that fails."""
    digest = hashlib.sha256(data).digest()
    return canonical_json(
        {
            "mediaType": bundle.MEDIA_TYPE,
            "verificationMaterial": {"publicKey": {"hint": signer.hint}},
            "messageSignature": {
                "messageDigest": {
                    "algorithm": _ALGORITHM,
                    "digest": base64.b64encode(digest).decode(),
                },
                "signature": base64.b64encode(signer.sign(data)).decode(),
            },
        }
    )


def verify(signed: bytes, data: bytes, key: PublicKey) -> None:
    """Demand that the bundle ``signed`` holds ``key``'s signature over ``data``; else ValueError.

    See :func:`verify_hash`.
    """
    verify_hash(signed, hashlib.sha256(data).digest(), key)


def verify_hash(signed: bytes, hashed: bytes, key: PublicKey) -> None:
    """Demand ``key``'s signature over the data whose SHA-256 is ``hashed``; else ValueError.

    As with images, a certificate never stands in for a key, and log entries prove nothing here.
    """
    value = strictjson.load_object(signed)
    if value.get("mediaType") not in bundle.MEDIA_TYPES:
        raise ValueError(f"the bundle's media type is {value.get('mediaType')!a}")
    if set(value) != _PARTS:
        raise ValueError("the bundle has other parts than a key's signature over a file")
    bundle.key_hint(value["verificationMaterial"])
    message = value["messageSignature"]
    if not isinstance(message, dict) or set(message) != {"messageDigest", "signature"}:
        raise ValueError("a messageSignature has messageDigest and signature")
    digest = message["messageDigest"]
    if not isinstance(digest, dict) or set(digest) != {"algorithm", "digest"}:
        raise ValueError("a messageDigest has algorithm and digest")
    if digest["algorithm"] != _ALGORITHM:
        raise ValueError(f"the digest's algorithm is {digest['algorithm']!a}")
    if decode64(digest["digest"]) != hashed:
        raise ValueError("the signature is over another file, or this one was changed")
    if not key.verify_hash(decode64(message["signature"]), hashed):
        raise ValueError("its signature is not by this key")
