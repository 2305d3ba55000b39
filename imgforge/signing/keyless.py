"""Signatures with a certificate that Fulcio issued to an identity.

Proven is that an authority of the trusted root issued the certificate and a certificate log
promised to hold it, that it was valid when the signature was made, by the word of a log or a
timestamp authority, and that a log holds the signature, unless that is waived. The reasons for
judging this here are in docs/decisions/0022; the tests hold sigstore-python's verdict against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imgforge.errors import EvidenceError
from imgforge.signing import certificates, claims, exhibits
from imgforge.signing.bundle import Bundle
from imgforge.signing.key import PublicKey
from imgforge.signing.proof import Proof, Witnesses
from imgforge.signing.root import TrustedRoot, trusted
from imgforge.signing.signatory import stated
from imgforge.signing.simple import OlderAttestation, SimpleSignature
from imgforge.signing.statement import Statement
from imgforge.signing.witnesses import hear

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from imgforge.signing.exhibits import Exhibits


@dataclass(frozen=True, slots=True)
class ByIdentity:
    """Whoever ``issuer`` calls ``identity``; ``claims`` are what the certificate must say further.

    All three are globs (:func:`.claims.fits`), the last by the names of :data:`.claims.CLAIMS`.
    ``root`` is the text of a Sigstore trusted root; None is the public Sigstore's, refreshed over
    the network unless ``offline``. Without a log in ``witnesses`` a timestamp will do.
    """

    identity: str
    issuer: str
    root: bytes | None = None
    offline: bool = False
    claims: Mapping[str, str] = field(default_factory=dict)
    witnesses: Witnesses = field(default_factory=lambda: Witnesses(log=True))

    def __str__(self) -> str:
        further = "".join(f", {name} {glob}" for name, glob in sorted(self.claims.items()))
        return f"{self.identity} of {self.issuer}{further}"

    def statement(self, bundle: bytes) -> tuple[Statement, Proof]:
        """Read a bundle signed with a certificate of this identity."""
        read = Bundle.from_bytes(bundle)
        if read.certificate is None:
            raise ValueError("the bundle was signed by a plain key, not with a certificate")
        certificate = certificates.load(read.certificate)
        proof = self._proof(certificate, exhibits.of_bundle(read, read.certificate))
        return stated(read.envelope, proof)

    def envelope(self, attestation: OlderAttestation) -> tuple[Statement, Proof]:
        """Read an older attestation signed with a certificate of this identity."""
        return stated(attestation.envelope, self._older(attestation))

    def payload(self, signature: SimpleSignature) -> Proof:
        """Check an older signature; the log's promise that cosign kept is enough, as for cosign."""
        return self._older(signature)

    def _older(self, found: SimpleSignature | OlderAttestation) -> Proof:
        from cryptography.hazmat.primitives.serialization import Encoding

        if found.certificate is None:
            raise ValueError("it was signed by a plain key, not with a certificate")
        certificate = certificates.load_pem(found.certificate)
        return self._proof(
            certificate, exhibits.of_older(found, certificate.public_bytes(Encoding.DER))
        )

    def _proof(self, certificate: Certificate, shown: Exhibits) -> Proof:
        try:
            root = trusted(self.root, self.offline)
            said = self._asked_for(certificate)
            if not _signed(certificate, shown):
                raise ValueError("its signature is not by the certificate's key")  # noqa: TRY301
            testimony = hear(shown, root, self.witnesses)
            certificates.prove(certificate, root, testimony.moments)
        except ValueError as error:
            raise ValueError(f"its certificate does not prove it: {error}") from error
        return Proof(
            f"{said['identity']} of {said['issuer']}",
            said,
            testimony.log,
            testimony.index,
            testimony.times,
        )

    def _asked_for(self, certificate: Certificate) -> dict[str, str]:
        said = claims.read(certificate)
        if not self.identity or not self.issuer:
            raise ValueError("no identity or no issuer was asked for")
        wanted = {"identity": self.identity, "issuer": self.issuer, **self.claims}
        reason = claims.unmet(said, wanted)
        if reason is not None:
            raise ValueError(reason)
        return said


def check_root(root: bytes, place: str) -> None:
    """Make sure that ``root`` is a trusted root; EvidenceError naming ``place`` if it is not."""
    try:
        found = TrustedRoot.from_bytes(root)
        if not found.issuers:
            raise ValueError("it has no certificate authority")  # noqa: TRY301 - one error
    except ValueError as error:
        config = b"clienttrustconfig" in root
        hint = f"it is within that file: jq .trustedRoot {place} > trusted_root.json"
        raise EvidenceError(
            f"{place} is not a Sigstore trusted root: {error}"[:400], hint=hint if config else None
        ) from error


def _signed(certificate: Certificate, shown: Exhibits) -> bool:
    try:
        key = PublicKey(certificates.public_key(certificate))
        return key.verify(shown.record.signature, shown.record.signed)
    except EvidenceError as error:
        raise ValueError("its certificate is for a key of a kind that is not accepted") from error
