"""The keys and certificates of a Sigstore of our own, and the files by which clients trust it."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

PASSWORD = "local"  # noqa: S105 - Fulcio's file CA insists on a key that is encrypted
_YEARS = dt.timedelta(days=3650)
_EARLIER = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Services:
    """Where the services answer: URLs without a slash at their end."""

    fulcio: str
    rekor: str
    tsa: str
    ctlog: str
    issuer: str


def make(folder: Path, services: Services) -> None:
    """Write keys (``*.key``, ``*.pub``), chains (``*.chain.pem``) and the clients' three files.

    Those are ``trusted_root.json``, ``signing_config.json`` and both in ``trust_config.json``, in
    the formats of github.com/sigstore/protobuf-specs.
    """
    root, issuing = _key(), _key()
    chain = [
        _certificate("fulcio", issuing, "fulcio-root", root, ExtendedKeyUsageOID.CODE_SIGNING),
        _certificate("fulcio-root", root, "fulcio-root", root),
    ]
    _save(folder, "fulcio", issuing, PASSWORD)
    stamping_root, stamping = _key(), _key()
    stamp_chain = [
        _certificate("tsa", stamping, "tsa-root", stamping_root, ExtendedKeyUsageOID.TIME_STAMPING),
        _certificate("tsa-root", stamping_root, "tsa-root", stamping_root),
    ]
    _save(folder, "tsa", stamping)
    rekor, ctlog = _key(), _key()
    _save(folder, "rekor", rekor, PASSWORD)
    _save(folder, "ctlog", ctlog)
    # cosign takes a bare token only if it is signed with RS256.
    _save(folder, "issuer", rsa.generate_private_key(65537, 2048))
    for name, certificates in (("fulcio", chain), ("tsa", stamp_chain)):
        pem = b"".join(c.public_bytes(Encoding.PEM) for c in certificates)
        (folder / f"{name}.chain.pem").write_bytes(pem)
    start = chain[0].not_valid_before_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    trusted = {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        # The host in a second-generation log's address has to be the origin of its checkpoints.
        "tlogs": [_log(rekor, services.rekor, start)],
        "certificateAuthorities": [_authority(chain, services.fulcio, start)],
        "ctlogs": [_log(ctlog, services.ctlog, start)],
        "timestampAuthorities": [_authority(stamp_chain, services.tsa, start)],
    }
    signing = {
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "caUrls": [_service(services.fulcio, start)],
        "oidcUrls": [_service(services.issuer, start)],
        "rekorTlogUrls": [_service(services.rekor, start, 2)],
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaUrls": [_service(services.tsa, start)],
        "tsaConfig": {"selector": "ANY"},
    }
    both = {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": trusted,
        "signingConfig": signing,
    }
    for name, value in (
        ("trusted_root", trusted),
        ("signing_config", signing),
        ("trust_config", both),
    ):
        (folder / f"{name}.json").write_text(json.dumps(value, indent=1), encoding="utf-8")


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _save(
    folder: Path,
    name: str,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    password: str = "",
) -> None:
    lock = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)
    (folder / f"{name}.key").write_bytes(private)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / f"{name}.pub").write_bytes(public)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    usage: ObjectIdentifier | None = None,
) -> x509.Certificate:
    """Issue a root (no ``usage``), Fulcio's issuing authority or the leaf that stamps times."""
    stamps = usage == ExtendedKeyUsageOID.TIME_STAMPING
    length = None if stamps else 0 if usage else 1
    start = dt.datetime.now(dt.UTC).replace(microsecond=0) - _EARLIER
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + _YEARS)
        .add_extension(x509.BasicConstraints(not stamps, length), critical=True)
        .add_extension(_key_usage(leaf=stamps), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if usage is not None:  # RFC 3161, 2.3: critical in an authority that stamps times
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=stamps)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "imgforge tests"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _key_usage(*, leaf: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=leaf,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not leaf,
        crl_sign=not leaf,
        encipher_only=False,
        decipher_only=False,
    )


def _log(key: ec.EllipticCurvePrivateKey, url: str, start: str) -> dict[str, Any]:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": _b64(der),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": {"start": start},
        },
        "logId": {"keyId": _b64(hashlib.sha256(der).digest())},
    }


def _authority(chain: list[x509.Certificate], url: str, start: str) -> dict[str, Any]:
    return {
        "subject": {"organization": "imgforge tests", "commonName": url},
        "uri": url,
        "certChain": {
            "certificates": [{"rawBytes": _b64(c.public_bytes(Encoding.DER))} for c in chain]
        },
        "validFor": {"start": start},
    }


def _service(url: str, start: str, version: int = 1) -> dict[str, Any]:
    return {
        "url": url,
        "majorApiVersion": version,
        "validFor": {"start": start},
        "operator": "imgforge tests",
    }


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
