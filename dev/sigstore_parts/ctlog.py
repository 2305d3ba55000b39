"""A certificate log's promise to log (RFC 6962), with no log behind it.

Verifiers look at the promise alone, and no certificate log is packaged in Debian.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import time
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_POISON = bytes.fromhex("060a2b06010401d679020403")  # RFC 6962, 3.1: 1.3.6.1.4.1.11129.2.4.3
_SEQUENCE, _EXTENSIONS = 0x30, 0xA3
_LONG = 0x80  # X.690, 8.1.3.5: the other bits say how many bytes of length follow


def promise(chain: list[bytes], key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    """Return the answer to ``add-pre-chain`` (RFC 6962, 4.2) for certificates in DER, leaf first.

    ValueError if the first is no certificate that the second issued.
    """
    leaf, issuer = (x509.load_der_x509_certificate(each) for each in chain[:2])
    leaf.verify_directly_issued_by(issuer)
    logged = _without_poison(leaf.tbs_certificate_bytes)
    now = int(time.time() * 1000)
    issuer_key = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    # RFC 6962, 3.2: version 1, certificate_timestamp, milliseconds, precert_entry; no extensions.
    signed = (
        struct.pack("!BBQH", 0, 0, now, 1)
        + hashlib.sha256(issuer_key).digest()
        + len(logged).to_bytes(3, "big")
        + logged
        + bytes(2)
    )
    signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
    ours = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    algorithm = b"\x04\x03"  # SHA-256, ECDSA (RFC 5246, 7.4.1.4.1)
    return {
        "sct_version": 0,
        "id": _b64(hashlib.sha256(ours).digest()),
        "timestamp": now,
        "extensions": "",
        "signature": _b64(algorithm + struct.pack("!H", len(signature)) + signature),
    }


def _without_poison(tbs: bytes) -> bytes:
    """Take the extension that marks a precertificate out of a TBSCertificate."""
    parts = []
    for tag, element in _elements(tbs):
        if tag == _EXTENSIONS:
            ((_, listed),) = _elements(element)
            kept = (e for _, e in _elements(listed) if not _content(e).startswith(_POISON))
            parts.append(_wrap(_EXTENSIONS, _wrap(_SEQUENCE, b"".join(kept))))
        else:
            parts.append(element)
    return _wrap(_SEQUENCE, b"".join(parts))


def _head(der: bytes, at: int) -> tuple[int, int]:
    """Return where the content of the DER element at ``at`` begins and ends."""
    length, start = der[at + 1], at + 2
    if length & _LONG:
        more = length ^ _LONG
        length, start = int.from_bytes(der[start : start + more], "big"), start + more
    return start, start + length


def _content(der: bytes) -> bytes:
    start, end = _head(der, 0)
    return der[start:end]


def _elements(der: bytes) -> list[tuple[int, bytes]]:
    """Return tag and bytes of each element in a constructed one."""
    at, end = _head(der, 0)
    found = []
    while at < end:
        _, after = _head(der, at)
        found.append((der[at], der[at:after]))
        at = after
    return found


def _wrap(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < _LONG:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, _LONG | len(length)]) + length + content


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
