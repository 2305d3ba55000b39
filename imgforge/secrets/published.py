"""Private keys that everybody has: libraries carry them to test themselves or what they run on.

Each is the start of the SHA-256 of the first forty characters of a key's base64. A key belongs
here only if it stands in a library that distributions ship to everyone.
"""

from __future__ import annotations

import hashlib
from typing import Final

_CHARACTERS: Final = 40

_KEYS: Final = frozenset(
    {
        # GnuTLS 3.7.9, lib/crypto-selftests-pk.c
        "0ba1b8671a441db2",
        "4fa319eab6bb5b20",
        "9b077de168d7ad0e",
        "ac33b0d6f8f358d5",
        "fd8c3219fdfbdf0d",
        "fead0c14dbce4ab6",
        # Mbed TLS 2.28.3, library/certs.c
        "6ac7a1a8239d59c9",
        "9728588fdc9796df",
        "9d4e7670b04769e8",
        "e88e76878129a069",
        "eb34da1ef8ffb5ea",
        "f642ddc90919dc11",
        # Netty 4.1, io.netty.handler.ssl: what it probes OpenSSL with
        "8143c232bf740e9d",
    }
)


def unpublished(secret: bytes) -> bool:
    """Whether a private key, given as its base64 from the start, is none of these."""
    return hashlib.sha256(secret[:_CHARACTERS]).hexdigest()[:16] not in _KEYS
