"""Sigstore bundles of a DSSE envelope (github.com/sigstore/protobuf-specs, sigstore_bundle.proto).

Version 0.3 is written. Versions 0.1 and 0.2, in which the certificate stands in a chain, are read
too: GitHub's older attestations are such. A field that is not known is an error wherever it
stands, for who wrote it may have meant it to matter; a later format has another media type.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imgforge import strictjson
from imgforge.oci.types import canonical_json
from imgforge.signing.dsse import Envelope
from imgforge.signing.entry import Entry, shape
from imgforge.signing.key import decode64

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MEDIA_TYPES = (MEDIA_TYPE, "application/vnd.dev.sigstore.bundle+json;version=0.3")
V01 = "application/vnd.dev.sigstore.bundle+json;version=0.1"
V02 = "application/vnd.dev.sigstore.bundle+json;version=0.2"
MAX_SIZE = 64 << 20
"""Bytes; a bundle holds an SBOM, and those of large images reach tens of megabytes."""
MAX_WITNESSES = 8
"""The most log entries, and the most timestamps, that are looked at; one of each is usual."""
MAX_VALUES = 8192
"""The most values in a bundle's JSON, whose bulk is one text; eight log entries have a thousand."""
_MAX_CERTIFICATE = 64 << 10
_MAX_TOKEN = 64 << 10

_PARTS = {"mediaType", "verificationMaterial", "dsseEnvelope"}
_PROOFS = {"tlogEntries", "timestampVerificationData"}


@dataclass(frozen=True, slots=True)
class Bundle:
    """An envelope, who signed it, and who else bears witness; that it says so proves nothing.

    ``certificate`` is the signer's (DER); without one a plain key signed, and ``hint`` may name
    it. ``entries`` are of transparency logs, ``timestamps`` RFC 3161 responses over the signature.
    ``promised`` (version 0.1): a log's promise stands for the proof that it holds the entry.
    """

    envelope: Envelope
    hint: str = ""
    certificate: bytes | None = None
    entries: tuple[Entry, ...] = ()
    timestamps: tuple[bytes, ...] = ()
    promised: bool = False

    def to_bytes(self) -> bytes:
        """Return canonical JSON of version 0.3, as cosign stores it."""
        material: dict[str, Any] = (
            {"publicKey": {"hint": self.hint}}
            if self.certificate is None
            else {"certificate": {"rawBytes": _b64(self.certificate)}}
        )
        if self.entries:
            material["tlogEntries"] = [entry.to_json() for entry in self.entries]
        if self.timestamps:
            material["timestampVerificationData"] = {
                "rfc3161Timestamps": [{"signedTimestamp": _b64(t)} for t in self.timestamps]
            }
        return canonical_json(
            {
                "mediaType": MEDIA_TYPE,
                "verificationMaterial": material,
                "dsseEnvelope": self.envelope.to_json(),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Bundle:
        """Read a bundle of a DSSE envelope with one signature; ValueError saying what is wrong."""
        if len(data) > MAX_SIZE:
            raise ValueError(f"the bundle is over {MAX_SIZE} bytes")
        strictjson.slim(data, MAX_VALUES)
        value = strictjson.load_object(data)
        kind = value.get("mediaType")
        if kind not in (*MEDIA_TYPES, V01, V02):
            raise ValueError(f"the bundle's media type is {kind!a}")
        if set(value) != _PARTS:
            raise ValueError("the bundle has other parts than a signed DSSE envelope")
        material = value["verificationMaterial"]
        if not isinstance(material, dict):
            raise ValueError("the bundle's verificationMaterial is not an object")  # noqa: TRY004
        chained = kind in (V01, V02)
        plain = "publicKey" in material
        return cls(
            Envelope.from_json(value["dsseEnvelope"]),
            key_hint(material) if plain else "",
            None if plain else _certificate(material, chained=chained),
            tuple(Entry.from_json(each) for each in _entries(material)),
            tuple(_timestamps(material)),
            promised=kind == V01,
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


def _certificate(material: Mapping[str, Any], *, chained: bool) -> bytes:
    """Return the signer's certificate; those of authorities count only in a trusted root."""
    name = "x509CertificateChain" if chained else "certificate"
    if not {name} <= set(material) <= {name, *_PROOFS}:
        raise ValueError(f"the bundle has neither a publicKey nor a {name} alone")
    found = material[name]
    if chained:
        chain = shape(found, {"certificates"}, "a certificate chain")["certificates"]
        if not isinstance(chain, list) or not 1 <= len(chain) <= MAX_WITNESSES:
            raise ValueError(f"a certificate chain has 1 to {MAX_WITNESSES} certificates")
        found = chain[0]
    der = decode64(shape(found, {"rawBytes"}, "a certificate")["rawBytes"])
    if len(der) > _MAX_CERTIFICATE:
        raise ValueError(f"the certificate is over {_MAX_CERTIFICATE} bytes")
    return der


def _entries(material: Mapping[str, Any]) -> list[Any]:
    found = material.get("tlogEntries")
    if found is None:
        return []
    if not isinstance(found, list) or len(found) > MAX_WITNESSES:
        raise ValueError(f"tlogEntries is no list of at most {MAX_WITNESSES}")
    return found


def _timestamps(material: Mapping[str, Any]) -> list[bytes]:
    found = material.get("timestampVerificationData")
    if found is None or found == {}:
        return []
    given = shape(found, {"rfc3161Timestamps"}, "timestampVerificationData")["rfc3161Timestamps"]
    if given is None:
        return []
    if not isinstance(given, list) or len(given) > MAX_WITNESSES:
        raise ValueError(f"rfc3161Timestamps is no list of at most {MAX_WITNESSES}")
    tokens = [
        decode64(shape(t, {"signedTimestamp"}, "a timestamp")["signedTimestamp"]) for t in given
    ]
    if any(len(token) > _MAX_TOKEN for token in tokens):
        raise ValueError(f"a timestamp is over {_MAX_TOKEN} bytes")
    return tokens


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
