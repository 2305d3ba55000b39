"""Who must have signed: a protocol, and the signatory that is one public key.

The other one, an identity to which a certificate was issued, is :mod:`imgforge.signing.keyless`.
Neither ever stands in for the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from imgforge.signing.bundle import Bundle
from imgforge.signing.dsse import IN_TOTO
from imgforge.signing.key import PublicKey
from imgforge.signing.proof import Proof
from imgforge.signing.simple import SimpleSignature
from imgforge.signing.statement import Statement


class Signatory(Protocol):
    """Judges signatures; what they are about is the caller's question."""

    def __str__(self) -> str:
        """Say who is meant, on one line."""

    def statement(self, bundle: bytes) -> tuple[Statement, Proof]:
        """Return a Sigstore bundle's statement and what proves it; ValueError if nothing does."""

    def payload(self, signature: SimpleSignature) -> Proof:
        """Return what proves ``signature`` over its payload; ValueError if nothing does."""


@dataclass(frozen=True, slots=True)
class ByKey:
    """Whoever holds the private half of ``key``."""

    key: PublicKey

    def __str__(self) -> str:
        return f"the key {self.key.fingerprint}"

    def statement(self, bundle: bytes) -> tuple[Statement, Proof]:
        """Read a bundle that the key signed."""
        envelope = Bundle.from_bytes(bundle).envelope
        if envelope.payload_type != IN_TOTO:
            raise ValueError(f"its payload is of type {envelope.payload_type!a}")
        if not envelope.verify(self.key):
            raise ValueError("its signature is not by this key")
        return Statement.from_bytes(envelope.payload), Proof(str(self))

    def payload(self, signature: SimpleSignature) -> Proof:
        """Check an older signature by the key alone."""
        if signature.certificate is not None:
            raise ValueError("it was signed with a certificate, not by a plain key")
        if not self.key.verify(signature.signature, signature.payload):
            raise ValueError("its signature is not by this key")
        return Proof(str(self))
