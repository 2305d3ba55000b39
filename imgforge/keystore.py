"""Java key stores of trusted certificates: what Java reads instead of PEM.

The format is that of ``sun.security.provider.JavaKeyStore`` (JKS, version 2), which every Java
since 1.2 reads. It knows names and times; both are functions of the certificates, so equal
certificates make equal bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Sequence

from imgforge.oci.layer import MTIME

PASSWORD = "changeit"  # noqa: S105 - every Java knows it; it guards nothing

_MAGIC, _VERSION, _TRUSTED = 0xFEEDFEED, 2, 2
_SALT = b"Mighty Aphrodite"
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


def certificates(pem: bytes) -> list[bytes]:
    """Return the certificates (DER) of a PEM bundle; ValueError if one is not base64."""
    try:
        return [base64.b64decode(body) for body in _CERTIFICATE.findall(pem)]
    except binascii.Error as error:
        raise ValueError(f"a certificate is not base64: {error}") from error


def write(trusted: Sequence[bytes]) -> bytes:
    """Return a key store that trusts the certificates (DER)."""
    out = struct.pack(">III", _MAGIC, _VERSION, len(trusted))
    for certificate in trusted:
        alias = hashlib.sha256(certificate).hexdigest().encode()
        out += struct.pack(">I", _TRUSTED)
        out += struct.pack(">H", len(alias)) + alias
        out += struct.pack(">q", MTIME * 1000)
        out += struct.pack(">H", 5) + b"X.509"
        out += struct.pack(">I", len(certificate)) + certificate
    seal = hashlib.sha1(usedforsecurity=False)  # the format knows no other
    seal.update(PASSWORD.encode("utf-16-be") + _SALT + out)
    return out + seal.digest()
