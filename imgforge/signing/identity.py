"""The sealer that has no key: a key of minutes, and a certificate that says whose it was.

Fulcio writes the identity of a token into a certificate for a key that lives in memory alone; a
log's entry or a timestamp later shows that it was used in time. sigstore-python does all of that
(:mod:`imgforge.signing.library`); here is decided with which certificate, and whether the outcome
counts. One serves all statements of a build, and a fresh one is had when it would expire.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgforge.errors import EvidenceError, InvalidInputError, TransientError
from imgforge.signing import certificates, claims
from imgforge.signing.keyless import ByIdentity
from imgforge.signing.proof import Witnesses
from imgforge.signing.root import trusted
from imgforge.signing.sealer import proven

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.sign import Signer

    from imgforge.signing.identity_token import Token
    from imgforge.signing.services import Services
    from imgforge.signing.signatory import Signatory
    from imgforge.signing.trust import Trust

_SPARE = dt.timedelta(seconds=60)
"""A certificate with less time than this left is not used: the log may take its time."""


@dataclass(frozen=True, slots=True)
class Certified:
    """What signs with a key of its own, the certificate for that, and who is named in it."""

    signer: Signer
    certificate: Certificate
    identity: str
    issuer: str

    def is_fresh(self, now: dt.datetime) -> bool:
        """Whether there is time left to sign and have it witnessed."""
        return now + _SPARE < self.certificate.not_valid_after_utc


class IdentitySealer:
    """Signs as whoever the token names.

    ``token`` is called each time a certificate is needed. With Rekor v2 a timestamp is what shows
    that a certificate had not expired, so an authority must be there (InvalidInputError).
    """

    def __init__(
        self, trust: Trust, services: Services, token: Callable[[], Token], *, timestamp: bool
    ) -> None:
        from imgforge.signing.library import Library

        self._library = Library(trust, services)
        if not trust.timestamps and (timestamp or trust.log is None or trust.log.version > 1):
            raise InvalidInputError(
                "the trust configuration names no timestamp authority"
                + ("" if timestamp else ", and its log says no times")
            )
        self._root = trust.root
        self._token = token
        self._timestamp = timestamp
        self._lock = threading.Lock()
        self._certified: Certified | None = None

    def __str__(self) -> str:
        known = self._certified
        return f"{known.identity} of {known.issuer}" if known else "an identity"

    def seal(self, statement: bytes) -> bytes:
        """Return the bundle with the certificate, the log's entry and the timestamps."""
        own = self.certified()
        try:
            bundle = self._library.sign(own.signer, statement)
        except EvidenceError as error:
            if own.certificate.not_valid_after_utc > dt.datetime.now(dt.UTC):
                raise
            raise TransientError(
                "the certificate expired while it was used", hint="try again"
            ) from error
        return proven(bundle, self._signatory(own))

    def signatory(self) -> Signatory:
        """Return the identity that the certificate names, under this Sigstore's root."""
        return self._signatory(self.certified())

    def certified(self) -> Certified:
        """Return the certificate in use; a fresh one is asked for if there is none.

        EvidenceError, TransientError or InvalidInputError if there is none to be had.
        """
        with self._lock:
            now = dt.datetime.now(dt.UTC)
            if self._certified is None or not self._certified.is_fresh(now):
                self._certified = self._ask()
            return self._certified

    def _signatory(self, own: Certified) -> Signatory:
        return exactly(own.identity, own.issuer, self._root, timestamp=self._timestamp)

    def _ask(self) -> Certified:
        signer, leaf = self._library.signer(self._token())
        self._prove(leaf)
        identity, issuer = named(leaf)
        found = Certified(signer, leaf, identity, issuer)
        if not found.is_fresh(dt.datetime.now(dt.UTC)):
            raise EvidenceError(
                f"Fulcio's certificate ends at {leaf.not_valid_after_utc:%H:%M:%S} UTC, which is "
                "too soon",
                hint="is this machine's clock right?",
            )
        return found

    def _prove(self, leaf: Certificate) -> None:
        """See that the certificate counts before anything is logged; ``proven`` comes after."""
        try:
            root = trusted(self._root, offline=False)
            certificates.prove(leaf, root, [dt.datetime.now(dt.UTC)])
        except ValueError as error:
            raise EvidenceError(
                f"Fulcio's certificate does not prove what it should: {error}",
                hint="does the trust configuration's root fit its certificate authority?",
            ) from error


def named(leaf: Certificate) -> tuple[str, str]:
    """Return the identity and the issuer that a certificate names; EvidenceError if it does not."""
    try:
        found = claims.read(leaf)
    except ValueError as error:
        raise EvidenceError(f"Fulcio's certificate cannot be read: {error}") from error
    return found["identity"], found["issuer"]


def exactly(identity: str, issuer: str, root: bytes | None, *, timestamp: bool) -> ByIdentity:
    """Return the signatory that is this identity of this issuer, and no other that looks like it.

    ``timestamp`` demands one beside the log's entry.
    """
    return ByIdentity(
        literal(identity),
        literal(issuer),
        root,
        witnesses=Witnesses(log=True, timestamp=timestamp),
    )


def literal(text: str) -> str:
    """Return the glob that fits ``text`` alone."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in text)
