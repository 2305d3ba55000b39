"""Secrets that everybody has: libraries carry keys to test themselves or what they run on.

Each is the start of the SHA-256 of a key's first line, 64 characters of base64. Fewer would not
do: those before may be the same in every key of a kind, which say what kind it is (51 of RSA in
PKCS #8, 48 of P-256). A token is taken whole. Either belongs here only if it stands in a library
that distributions or package indexes ship to everyone: no file of one's own has it by mistake.
"""

from __future__ import annotations

import hashlib
from typing import Final

_CHARACTERS: Final = 64

_KEYS: Final = frozenset(
    {
        # GnuTLS 3.7.9, lib/crypto-selftests-pk.c
        "36d32468a4353827",
        "4b86104d3a39ae36",
        "8dd51545b81e4a0a",
        "c50f38f5a25dad1a",
        "d76d8725f92d8728",
        "e36ff64abc8431d1",
        # GnuTLS 3.8.9, the same file
        "8f642f0351e1761d",
        "c471252232a6e68f",
        # Mbed TLS 2.28.3, library/certs.c
        "086daa2d17034d6a",
        "0b36760832bc842a",
        "0e8caf39428b065c",
        "152af81d8d1fe714",
        "29f4f8cbe25b7f3a",
        "88c7b287228589a6",
        # debug 2.6.9 of npm, .coveralls.yml: a token that comes with every Express 4
        "6e70d76ad57f3034",
        # Netty 4.1, io.netty.handler.ssl: what it probes OpenSSL with
        "664bbc9a2d4540ff",
    }
)


def unpublished(secret: bytes) -> bool:
    """Whether a private key, given as its base64 from the start, or a token is none of these."""
    return hashlib.sha256(secret[:_CHARACTERS]).hexdigest()[:16] not in _KEYS
