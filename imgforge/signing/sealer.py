"""What makes a signed bundle of a statement: a protocol, and the sealer that has a key.

The other one, which has a certificate for an identity, is :mod:`imgforge.signing.identity`. What
any of them makes is verified, as whoever gets it will do it, before it is handed out.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from imgforge.errors import EvidenceError
from imgforge.oci.types import canonical_json
from imgforge.signing import dsse
from imgforge.signing.bundle import MEDIA_TYPE, Bundle
from imgforge.signing.proof import Witnesses
from imgforge.signing.signatory import ByKey, Signatory
from imgforge.signing.signer import Signer

if TYPE_CHECKING:
    from imgforge.signing.key import PublicKey
    from imgforge.signing.services import Services, Verifier
    from imgforge.signing.trust import Log, Trust

_TOGETHER = 8
"""Statements that are sealed at a time; nearly all of that is waiting for services."""


class Sealer(Protocol):
    """Signs in-toto statements; one sealer serves all statements of a build, in any thread."""

    def __str__(self) -> str:
        """Say who signs, on one line."""

    def seal(self, statement: bytes) -> bytes:
        """Return a Sigstore bundle v0.3 over ``statement``.

        EvidenceError if that fails, TransientError if a service does not answer.
        """

    def signatory(self) -> Signatory:
        """Return the signatory that accepts what this seals, and nobody else's; errors as above."""


@dataclass(frozen=True, slots=True)
class Witnessing:
    """Whose word is asked for beside a signature: a log's, timestamp authorities', or both.

    Services and authorities are asked at the same time: neither needs the other's answer.
    """

    services: Services
    log: Log | None
    timestamps: tuple[str, ...]

    def material(self, envelope: dsse.Envelope, verifier: Verifier) -> dict[str, Any]:
        """Return the parts of a bundle's ``verificationMaterial`` that hold their words.

        Whoever was to be asked has answered: a bundle is never quietly left without one.
        """
        with ThreadPoolExecutor(max_workers=1 + len(self.timestamps)) as pool:
            stamps = [
                pool.submit(self.services.timestamp, each, envelope.signature)
                for each in self.timestamps
            ]
            entries = (
                [self.services.entry(self.log, envelope, verifier)] if self.log is not None else []
            )
            stamped = [_b64(each.result()) for each in stamps]
        out: dict[str, Any] = {}
        if entries:
            out["tlogEntries"] = entries
        if stamped:
            signed = [{"signedTimestamp": each} for each in stamped]
            out["timestampVerificationData"] = {"rfc3161Timestamps": signed}
        return out


@dataclass(frozen=True, slots=True)
class Witnessed:
    """The key to bundles that witnesses bear out; the private half is not needed for that."""

    key: PublicKey
    trust: Trust
    witnessing: Witnessing

    def seal(self, envelope: dsse.Envelope, kept: Mapping[str, Any] = {}) -> bytes:
        """Return a verified bundle of ``envelope``, which the key signed, maybe earlier.

        ``kept`` is the ``verificationMaterial`` it had: words of others stay, and who has borne
        witness already is not asked again. Errors as a sealer's.
        """
        verifier = verifier_of_key(self.key.der, self.key.to_pem())
        had = {**kept, "publicKey": {"hint": self.key.hint}}
        material = had | self._missing(envelope, had).material(envelope, verifier)
        return proven(assembled(envelope, material), self.signatory())

    def heard(self, bundle: bytes) -> int:
        """Return how many of the kinds of witnesses that are asked bear out ``bundle`` already."""
        kinds = []
        if self.witnessing.log is not None:
            kinds.append(Witnesses(log=True))
        if self.witnessing.timestamps:
            kinds.append(Witnesses(timestamp=True))
        return sum(self._accepts(bundle, kind) for kind in kinds)

    def _missing(self, envelope: dsse.Envelope, had: Mapping[str, Any]) -> Witnessing:
        asked = self.witnessing
        if asked.log is not None and self._has(envelope, had, Witnesses(log=True)):
            asked = replace(asked, log=None)
        if asked.timestamps and self._has(envelope, had, Witnesses(timestamp=True)):
            asked = replace(asked, timestamps=())
        return asked

    def _has(self, envelope: dsse.Envelope, had: Mapping[str, Any], who: Witnesses) -> bool:
        return set(had) != {"publicKey"} and self._accepts(assembled(envelope, had), who)

    def _accepts(self, bundle: bytes, who: Witnesses) -> bool:
        try:
            ByKey(self.key, witnesses=who, root=self.trust.root).statement(bundle)
        except ValueError:
            return False
        return True

    def signatory(self) -> Signatory:
        """Return the key with the witnesses that are asked."""
        witnesses = Witnesses(
            log=self.witnessing.log is not None, timestamp=bool(self.witnessing.timestamps)
        )
        return ByKey(self.key, witnesses=witnesses, root=self.trust.root)

    def plain(self) -> Signatory:
        """Return the key alone."""
        return ByKey(self.key)


@dataclass(frozen=True, slots=True)
class KeySealer:
    """Signs with a key.

    Alone, no service is asked, and the same statement gives the same bytes.
    """

    signer: Signer
    witnessed: Witnessed | None = None
    # What a key lies in (a token, a connection) may not be shared by threads.
    _one: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def __str__(self) -> str:
        return f"the key {self.signer.public_key.fingerprint}"

    def seal(self, statement: bytes) -> bytes:
        """Return the bundle with the key's hint, and the witnesses' words if any are asked."""
        with self._one:
            envelope = dsse.sign(statement, self.signer)
        if self.witnessed is not None:
            return self.witnessed.seal(envelope)
        return proven(Bundle(envelope, self.signer.hint).to_bytes(), self.signatory())

    def signatory(self) -> Signatory:
        """Return the key, with the witnesses that are asked."""
        if self.witnessed is not None:
            return self.witnessed.signatory()
        return ByKey(self.signer.public_key)


def seal_all(sealer: Sealer, statements: Sequence[bytes]) -> list[bytes]:
    """Seal ``statements`` together, in their order; the first error ends it."""
    return together([partial(sealer.seal, statement) for statement in statements])


def together(work: Sequence[Callable[[], bytes]]) -> list[bytes]:
    """Do what mostly waits for services at the same time; return what each gives, in order."""
    with ThreadPoolExecutor(max_workers=_TOGETHER) as pool:
        futures = [pool.submit(each) for each in work]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()


def assembled(envelope: dsse.Envelope, material: Mapping[str, Any]) -> bytes:
    """Return a bundle v0.3 as canonical JSON."""
    return canonical_json(
        {
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": dict(material),
            "dsseEnvelope": envelope.to_json(),
        }
    )


def proven(bundle: bytes, who: Signatory) -> bytes:
    """Return ``bundle`` once ``who`` has accepted it; EvidenceError if that does not happen."""
    try:
        who.statement(bundle)
    except ValueError as error:
        raise EvidenceError(
            f"what was signed does not verify, so it was not attached: {error}",
            hint="a service answered wrongly, or the trust configuration does not fit it",
        ) from error
    return bundle


def verifier_of_key(der: bytes, pem: bytes) -> Verifier:
    """Return a public key as a log wants it; EvidenceError for one that no log takes."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    from imgforge.signing.services import Verifier

    key = load_der_public_key(der)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return Verifier(der, pem, "PKIX_ECDSA_P256_SHA_256")
    size = getattr(key, "key_size", 0)
    if size not in {2048, 3072, 4096}:
        raise EvidenceError(f"transparency logs take no RSA key of {size} bits")
    return Verifier(der, pem, f"PKIX_RSA_PKCS1V15_{size}_SHA256")


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
