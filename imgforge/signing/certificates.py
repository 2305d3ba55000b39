"""Certificates that Fulcio issued: whose they are, and that a trusted root's authority issued them.

Sources: github.com/sigstore/fulcio, ``docs/certificate-specification.md`` (the profile); RFC 5280
(chains, through cryptography); RFC 6962, section 3.2 (the certificate log's promise, "SCT").
"""

from __future__ import annotations

import datetime as dt
import hashlib
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from imgforge.signing.root import Authority, Log, TrustedRoot

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from cryptography.x509.certificate_transparency import SignedCertificateTimestamp

_MOST_SCTS = 8


def load(der: bytes) -> Certificate:
    """Read a certificate; ValueError if it is none."""
    from cryptography import x509

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of what is not quite right
            certificate = x509.load_der_x509_certificate(der)
            _ = certificate.extensions  # parsed late, and with errors of its own
    except (
        ValueError,
        TypeError,
        Warning,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ) as why:
        raise ValueError(f"its certificate cannot be read: {why}"[:300]) from why
    return certificate


def load_pem(pem: bytes) -> Certificate:
    """Read one PEM certificate; ValueError if it is none."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = x509.load_pem_x509_certificates(pem)
    except (ValueError, Warning) as error:
        raise ValueError(f"its certificate cannot be read: {error}"[:300]) from error
    if len(found) != 1:
        raise ValueError(f"it has {len(found)} certificates instead of one")
    return load(found[0].public_bytes(Encoding.DER))


def public_key(certificate: Certificate) -> bytes:
    """Return the SubjectPublicKeyInfo that the certificate is for."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        key = certificate.public_key()
    except UnsupportedAlgorithm as error:
        raise ValueError(f"its certificate is for a key of a kind not known: {error}") from error
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def prove(certificate: Certificate, root: TrustedRoot, moments: Sequence[dt.datetime]) -> None:
    """Make sure that an authority of ``root`` issued it for signing and that it was valid then.

    ``moments`` are all proven times of the signature, at least one, and it must have been valid at
    each. Where the root has logs of certificates, one of them must have promised to hold it: what
    an authority issued in secret is not believed. ValueError with the reason otherwise.
    """
    if not moments:
        raise ValueError("no time is proven at which it was signed, and certificates expire")
    for moment in moments:
        if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
            raise ValueError(
                f"its certificate was not valid at {moment:%Y-%m-%d %H:%M:%S}, when it was signed"
            )
    _fit(certificate)
    issuer = _issuer(certificate, root.issuers, moments)
    if root.certificate_logs:
        _logged(certificate, issuer, root.certificate_logs)


def _fit(certificate: Certificate) -> None:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound as error:
        raise ValueError("its certificate does not say that it is for signing") from error
    if not usage.digital_signature or ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        raise ValueError("its certificate is not for signing")


def _issuer(
    certificate: Certificate, authorities: Sequence[Authority], moments: Sequence[dt.datetime]
) -> Certificate:
    """Return the certificate that issued it, by a chain that held at each of ``moments``."""
    from cryptography.x509 import ExtendedKeyUsage, UnsupportedGeneralNameType
    from cryptography.x509.verification import (
        Criticality,
        ExtensionPolicy,
        PolicyBuilder,
        Store,
        VerificationError,
    )

    # As a TLS client's, but for the purpose, which _fit has judged.
    above, end = (
        policy.may_be_present(ExtendedKeyUsage, Criticality.NON_CRITICAL, None)
        for policy in (
            ExtensionPolicy.webpki_defaults_ca(),
            ExtensionPolicy.webpki_defaults_ee(),
        )
    )
    reason = "no authority of the trusted root counted then"
    for authority in authorities:
        if not all(authority.span.holds(moment) for moment in moments):
            continue
        chain: list[Certificate] = []
        try:
            for moment in moments:
                verifier = (
                    PolicyBuilder()
                    .store(Store(list(authority.chain)))
                    .time(moment)
                    .extension_policies(ca_policy=above, ee_policy=end)
                    .build_client_verifier()
                )
                chain = verifier.verify(certificate, []).chain
        except (VerificationError, UnsupportedGeneralNameType) as error:
            reason = str(error)[:200]
            continue
        return chain[1]
    raise ValueError(f"its certificate is by no authority of the trusted root: {reason}")


def _logged(certificate: Certificate, issuer: Certificate, logs: Sequence[Log]) -> None:
    from cryptography import x509

    try:
        promises = list(
            certificate.extensions.get_extension_for_class(
                x509.PrecertificateSignedCertificateTimestamps
            ).value
        )
    except x509.ExtensionNotFound:
        raise ValueError("its certificate holds no promise (SCT) of a certificate log") from None
    key = hashlib.sha256(public_key(issuer)).digest()
    for promise in promises[:_MOST_SCTS]:
        for log in logs:
            if log.identifier == promise.log_id and _promised(promise, certificate, key, log):
                return
    raise ValueError("its certificate was promised (SCT) to no log that the trusted root knows")


def _promised(
    promise: SignedCertificateTimestamp, certificate: Certificate, issuer: bytes, log: Log
) -> bool:
    """Whether ``log`` promised to hold the certificate of ``issuer`` (SHA-256 of its key)."""
    from cryptography.x509.certificate_transparency import LogEntryType

    if promise.entry_type is not LogEntryType.PRE_CERTIFICATE:
        return False
    moment = promise.timestamp.replace(tzinfo=dt.UTC)
    elapsed = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    milliseconds = elapsed // dt.timedelta(milliseconds=1)
    body, extensions = certificate.tbs_precertificate_bytes, promise.extension_bytes
    signed = b"".join(
        (
            bytes([promise.version.value, 0]),  # certificate_timestamp
            milliseconds.to_bytes(8, "big"),
            (1).to_bytes(2, "big"),  # precert_entry
            issuer,
            len(body).to_bytes(3, "big"),
            body,
            len(extensions).to_bytes(2, "big"),
            extensions,
        )
    )
    return log.span.holds(moment) and log.verify(promise.signature, signed)
