"""Who must have signed: a protocol, and the signatory that is one public key.

The other one, an identity to which a certificate was issued, is :mod:`imgforge.signing.keyless`.
Neither ever stands in for the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from imgforge.signing import exhibits
from imgforge.signing.bundle import Bundle
from imgforge.signing.dsse import IN_TOTO, Envelope
from imgforge.signing.exhibits import Exhibits
from imgforge.signing.key import PublicKey
from imgforge.signing.proof import Proof, Witnesses
from imgforge.signing.root import trusted
from imgforge.signing.simple import OlderAttestation, SimpleSignature
from imgforge.signing.statement import Statement
from imgforge.signing.witnesses import hear


class Signatory(Protocol):
    """Judges signatures; what they are about is the caller's question.

    Each method raises ValueError with the reason if nothing is proven. Further errors are about
    the trusted root, not the signature: EvidenceError, TransientError.
    """

    def __str__(self) -> str:
        """Say who is meant, on one line."""

    def statement(self, bundle: bytes) -> tuple[Statement, Proof]:
        """Return a Sigstore bundle's statement and what proves it."""

    def envelope(self, attestation: OlderAttestation) -> tuple[Statement, Proof]:
        """Return the statement of one of cosign's older attestations and what proves it."""

    def payload(self, signature: SimpleSignature) -> Proof:
        """Return what proves one of cosign's older signatures over its payload."""


@dataclass(frozen=True, slots=True)
class ByKey:
    """Whoever holds the private half of ``key``.

    ``witnesses`` are who else must bear witness, under the trusted root whose text is ``root``
    (None: the public Sigstore's, refreshed over the network unless ``offline``). If none is
    demanded and no root is given, nobody is asked and nothing but the signature is proven.
    """

    key: PublicKey
    witnesses: Witnesses = field(default_factory=Witnesses)
    root: bytes | None = None
    offline: bool = False

    def __str__(self) -> str:
        return f"the key {self.key.fingerprint}"

    def statement(self, bundle: bytes) -> tuple[Statement, Proof]:
        """Read a bundle that the key signed."""
        read = Bundle.from_bytes(bundle)
        if read.certificate is not None:
            raise ValueError("the bundle was not signed by a plain key")
        return stated(read.envelope, self._proof(exhibits.of_bundle(read, self.key.der)))

    def envelope(self, attestation: OlderAttestation) -> tuple[Statement, Proof]:
        """Read an older attestation that the key signed."""
        return stated(attestation.envelope, self._older(attestation))

    def payload(self, signature: SimpleSignature) -> Proof:
        """Check an older signature by the key."""
        return self._older(signature)

    def _older(self, found: SimpleSignature | OlderAttestation) -> Proof:
        if found.certificate is not None:
            raise ValueError("it was signed with a certificate, not by a plain key")
        return self._proof(exhibits.of_older(found, self.key.der))

    def _proof(self, shown: Exhibits) -> Proof:
        if not self.key.verify(shown.record.signature, shown.record.signed):
            raise ValueError("its signature is not by this key")
        if self.root is None and self.witnesses == Witnesses():
            return Proof(str(self))
        testimony = hear(shown, trusted(self.root, self.offline), self.witnesses)
        return Proof(str(self), {}, testimony.log, testimony.index, testimony.times)


def stated(envelope: Envelope, proof: Proof) -> tuple[Statement, Proof]:
    """Return the statement in a proven envelope; ValueError if it holds something else."""
    if envelope.payload_type != IN_TOTO:
        raise ValueError(f"its payload is of type {envelope.payload_type!a}")
    return Statement.from_bytes(envelope.payload), proof
