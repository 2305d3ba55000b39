"""Signatures with a certificate that Fulcio issued to an identity, through sigstore-python.

The library proves that the certificate chains to the trusted root, was logged (SCT), was valid
when the signature was made (Rekor's or a timestamp authority's word), and that the log holds the
signature. It looks at neither payload type, subject nor predicate, which the caller does.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from imgforge import strictjson
from imgforge.errors import EvidenceError, TransientError
from imgforge.signing import rekor
from imgforge.signing.bundle import MAX_SIZE, MEDIA_TYPE, MEDIA_TYPES
from imgforge.signing.dsse import IN_TOTO
from imgforge.signing.proof import Proof
from imgforge.signing.simple import SimpleSignature
from imgforge.signing.statement import Statement

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.models import TrustedRoot
    from sigstore.verify import Verifier

MAX_ROOT = 4 << 20
"""Bytes; the most that is read of a trusted root."""


@dataclass(frozen=True, slots=True)
class ByIdentity:
    """Whoever ``issuer`` calls by a name that fits the glob ``identity`` (``*`` crosses ``/``).

    ``root`` is the text of a Sigstore trusted root; None is the public Sigstore's, refreshed over
    the network unless ``offline``.
    """

    identity: str
    issuer: str
    root: bytes | None = None
    offline: bool = False

    def __str__(self) -> str:
        return f"{self.identity} of {self.issuer}"

    def statement(self, bundle: bytes) -> tuple[Statement, Proof]:
        """Read a bundle signed with a certificate of this identity."""
        from sigstore.models import Bundle

        if len(bundle) > MAX_SIZE:
            raise ValueError(f"the bundle is over {MAX_SIZE} bytes")
        if strictjson.load_object(bundle).get("mediaType") not in MEDIA_TYPES:
            raise ValueError("the bundle is of another version than 0.3")
        verifier = _verifier(self.root, self.offline)
        try:
            read = Bundle.from_json(bundle)
            kind, payload = verifier.verify_dsse(read, self)
        except Exception as error:  # whatever the library trips over proves nothing
            raise _unproven(error) from error
        if kind != IN_TOTO:
            raise ValueError(f"its payload is of type {kind!a}")
        return Statement.from_bytes(payload), self._proof(read.signing_certificate)

    def payload(self, signature: SimpleSignature) -> Proof:
        """Check an older signature; its entry's proof of inclusion is asked of the log."""
        from sigstore.models import Bundle

        if signature.certificate is None:
            raise ValueError("it was signed by a plain key, not with a certificate")
        if signature.log is None:
            raise ValueError("it has no entry of a transparency log")
        verifier = _verifier(self.root, self.offline)
        text = self._assembled(signature, signature.certificate, signature.log)
        try:
            read = Bundle.from_json(text)
            verifier.verify_artifact(signature.payload, read, self)
        except Exception as error:  # whatever the library trips over proves nothing
            raise _unproven(error) from error
        return self._proof(read.signing_certificate)

    def verify(self, cert: Certificate) -> None:
        """Fulfil sigstore-python's ``VerificationPolicy``: its own knows exact names only."""
        from sigstore.errors import VerificationError
        from sigstore.verify import policy

        issuers = (policy.OIDCIssuerV2(self.issuer), policy.OIDCIssuer(self.issuer))
        policy.AnyOf(list(issuers)).verify(cert)
        names = _names(cert)
        if not any(fnmatchcase(name, self.identity) for name in names):
            raise VerificationError(f"it was issued to {', '.join(names)[:200]!a}")

    def _proof(self, cert: Certificate) -> Proof:
        name = next(name for name in _names(cert) if fnmatchcase(name, self.identity))
        claims = {"identity": name, "issuer": self.issuer}
        return Proof(f"{name} of {self.issuer}", claims)

    def _assembled(self, signature: SimpleSignature, certificate: bytes, log: bytes) -> bytes:
        """Make a bundle of an older signature; it proves only what its parts prove."""
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding

        try:
            leaf = x509.load_pem_x509_certificate(certificate).public_bytes(Encoding.DER)
        except Exception as error:  # whatever the library trips over proves nothing
            raise ValueError(f"its certificate cannot be read: {error}") from error
        identifier, index = rekor.named(log)
        entry = rekor.entry(_log(self.root, self.offline, identifier), index, offline=self.offline)
        return json.dumps(
            {
                "mediaType": MEDIA_TYPE,
                "verificationMaterial": {
                    "certificate": {"rawBytes": _b64(leaf)},
                    "tlogEntries": [entry],
                },
                "messageSignature": {
                    "messageDigest": {
                        "algorithm": "SHA2_256",
                        "digest": _b64(hashlib.sha256(signature.payload).digest()),
                    },
                    "signature": _b64(signature.signature),
                },
            }
        ).encode()


def check_root(root: bytes, place: str) -> None:
    """Make sure that ``root`` is a trusted root; EvidenceError naming ``place`` if it is not."""
    if len(root) > MAX_ROOT:
        raise EvidenceError(f"{place} is over {MAX_ROOT} bytes")
    try:
        strictjson.load_object(root)
        _verifier(root, offline=True)
    except Exception as error:
        raise EvidenceError(f"{place} is not a Sigstore trusted root: {error}"[:400]) from error


@functools.lru_cache(maxsize=8)
def _trusted(root: bytes | None, offline: bool) -> TrustedRoot:  # noqa: FBT001 - a cache's key
    from sigstore.models import ClientTrustConfig, TrustedRoot
    from sigstore_models.trustroot.v1 import TrustedRoot as Message

    if root is not None:
        return TrustedRoot(Message.from_json(root))
    try:
        return ClientTrustConfig.production(offline=offline).trusted_root
    except Exception as error:
        from tuf.api.exceptions import DownloadError

        silent = isinstance(error.__cause__, DownloadError)
        raise (TransientError if silent else EvidenceError)(
            f"the public Sigstore's trusted root cannot be had: {error}"[:400],
            hint="run the same command again later, or name a trusted-root in the policy",
        ) from error


@functools.lru_cache(maxsize=8)
def _verifier(root: bytes | None, offline: bool) -> Verifier:  # noqa: FBT001 - a cache's key
    from sigstore.verify import Verifier

    return Verifier(trusted_root=_trusted(root, offline))


def _log(root: bytes | None, offline: bool, identifier: bytes) -> str:  # noqa: FBT001 - as above
    """Return the URL of the log that the trusted root knows under ``identifier``."""
    logs: Any = _trusted(root, offline)._inner.tlogs  # noqa: SLF001 - it is told nowhere else
    for log in logs:
        if log.log_id.key_id == identifier:
            return str(log.base_url)
    raise ValueError("its log is none that the trusted root knows")


def _names(cert: Certificate) -> list[str]:
    """Return what the certificate calls its subject: mail addresses, URIs, Fulcio's own names."""
    from cryptography import x509

    fulcio = "1.3.6.1.4.1.57264.1.7"  # fulcio, docs/oid-info.md: a DER UTF8String
    try:
        names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    found = list(names.get_values_for_type(x509.RFC822Name))
    found += names.get_values_for_type(x509.UniformResourceIdentifier)
    for other in names.get_values_for_type(x509.OtherName):
        if other.type_id.dotted_string == fulcio and other.value[:1] == b"\x0c":
            found.append(_utf8string(other.value))
    return [name for name in found if name.isprintable()]


def _utf8string(der: bytes) -> str:
    """Read a DER UTF8String whose length takes one byte, or two or three."""
    start = 2 + (der[1] & 0x7F if der[1] & 0x80 else 0)
    return der[start:].decode(errors="replace")


def _unproven(error: Exception) -> ValueError:
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    return ValueError(f"its certificate does not prove it: {reason}")


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
