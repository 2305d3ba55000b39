"""What makes a signed bundle of a statement: a protocol, and the sealer that has a key.

The other one, which has a certificate for an identity, is :mod:`imgforge.signing.identity`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from imgforge.signing import dsse
from imgforge.signing.bundle import Bundle
from imgforge.signing.signer import Signer


class Sealer(Protocol):
    """Signs in-toto statements; one sealer serves all statements of a build."""

    def __str__(self) -> str:
        """Say who signs, on one line."""

    def seal(self, statement: bytes) -> bytes:
        """Return a Sigstore bundle v0.3 over ``statement``.

        EvidenceError if that fails, TransientError if a service does not answer.
        """


@dataclass(frozen=True, slots=True)
class KeySealer:
    """Signs with a key alone: no service is asked, and the same statement gives the same bytes."""

    signer: Signer

    def __str__(self) -> str:
        return f"the key {self.signer.public_key.fingerprint}"

    def seal(self, statement: bytes) -> bytes:
        """Return the bundle with the key's hint."""
        return Bundle(dsse.sign(statement, self.signer), self.signer.hint).to_bytes()
