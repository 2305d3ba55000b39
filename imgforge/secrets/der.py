"""Private keys in DER: PKCS #8 (RFC 5958), PKCS #1 (RFC 8017, A.1.2) and SEC 1 (RFC 5915)."""

from __future__ import annotations

import re
from typing import Final

_LENGTH: Final = rb"(?:\x82..|\x81.|[\x00-\x7f])"
_ALGORITHMS: Final = (
    rb"\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"  # RSA
    rb"|\x07\x2a\x86\x48\xce\x3d\x02\x01"  # elliptic curves
    rb"|\x07\x2a\x86\x48\xce\x38\x04\x01"  # DSA
    rb"|\x03\x2b\x65[\x6e-\x71]"  # X25519, X448, Ed25519, Ed448
)
_KEY: Final = re.compile(
    rb"\x30" + _LENGTH + rb"\x02\x01(?:"
    rb"[\x00\x01]\x30" + _LENGTH + rb"\x06(?:" + _ALGORITHMS + rb")"
    rb"|\x00\x02" + _LENGTH + rb"\x00"
    rb"|\x01\x04(?:\x20.{32}|\x30.{48}|\x42.{66})[\xa0\xa1]"
    rb")",
    re.DOTALL,
)


def is_private_key(data: bytes) -> bool:
    """Whether a whole file is one unencrypted private key, to its last byte but a newline."""
    if data[:1] != b"\x30" or not _KEY.match(data):
        return False
    first = data[1]
    if first < 0x80:  # noqa: PLR2004 - the short form of X.690, 8.1.3.4
        end = 2 + first
    else:
        width = first & 0x7F
        end = 2 + width + int.from_bytes(data[2 : 2 + width], "big")
    return data[end:] in {b"", b"\n", b"\r\n"} and len(data) >= end
