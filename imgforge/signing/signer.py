"""What can sign: a protocol, and the signer that holds a private key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from imgforge.signing import key as keys

if TYPE_CHECKING:
    from imgforge.signing.key import PrivateKey, PublicKey


class Signer(Protocol):
    """Signs bytes with one key; where that key lies is its own affair."""

    @property
    def public_key(self) -> PublicKey:
        """The key that verifies what :meth:`sign` returns."""

    @property
    def hint(self) -> str:
        """How a bundle names the key (base64 of the SHA-256 of its SubjectPublicKeyInfo)."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature over ``data``; EvidenceError if that fails."""


@dataclass(frozen=True, slots=True)
class KeySigner:
    """A private key in memory: ECDSA on P-256 or RSA PKCS #1 v1.5.

    ECDSA's signatures are ``repeatable`` (RFC 6979) unless that is not wanted: a log takes each
    signature once.
    """

    private: PrivateKey
    repeatable: bool = True

    @classmethod
    def open(cls, path: Path, password: bytes) -> KeySigner:
        """Load cosign's key file; errors as :func:`imgforge.signing.key.load_private`."""
        return cls(keys.load_private(path, password))

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        return keys.public(self.private)

    @property
    def hint(self) -> str:
        """The public half's name in bundles."""
        return self.public_key.hint

    def sign(self, data: bytes) -> bytes:
        """Sign with SHA-256; the same data gives the same signature wherever OpenSSL can."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        try:
            scheme = ECDSA(hashes.SHA256(), deterministic_signing=self.repeatable)
        except UnsupportedAlgorithm:  # a distribution's OpenSSL before 3.2
            scheme = ECDSA(hashes.SHA256())
        return self.private.sign(data, scheme)
