"""Second looks at what a pattern matched: checksums, encodings, well-known samples."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Callable
from typing import Final

from imgforge.secrets.names import placeholder
from imgforge.secrets.published import unpublished

_BASE62: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SAMPLE: Final = re.compile(
    rb"(?i)example|sample|dummy|placeholder|redacted|your[-_]|change[-_]?me|fake[-_]|xxxxx|"
    rb"0123456789|1234567890|abcdefgh|bcdefghij|deadbeef|foobar|(.)\1{7}"
)
_OPENSSH: Final = b"b3BlbnNzaC1rZXktdjEA"
"""What every one of its keys starts with, in base64: the name of the format."""

_PEM: Final = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,26}PRIVATE KEY-----\s+([A-Za-z0-9+/]{40,76})")
_CLAIM: Final = re.compile(r"(?i)^(?:iss|sub|aud|exp|nbf|iat|jti|azp)$|user|role|mail|scope|id$")
_KNOWN: Final = frozenset({"1234567890", "John Doe", "Jane Doe"})


def sample(secret: bytes) -> bool:
    """Whether this is an obvious stand-in from documentation.

    OpenSSH's keys begin with lengths, and so with a row of the same letter.
    """
    return not secret.startswith(_OPENSSH) and _SAMPLE.search(secret) is not None


def crc32_base62(secret: bytes) -> bool:
    """Whether the last six characters are the CRC-32 of the thirty before (GitHub, npm)."""
    body, want = secret[-36:-6], secret[-6:]
    value, digits = zlib.crc32(body), bytearray()
    while len(digits) < 6:  # noqa: PLR2004 - six digits
        value, digit = divmod(value, 62)
        digits.append(_BASE62[digit])
    return bytes(reversed(digits)) == want


def aws_key(secret: bytes) -> bool:
    """Tell an identifier, which has digits, from words of capitals."""
    return any(byte in b"234567" for byte in secret[4:])


def basic_auth(secret: bytes) -> bool:
    """``user:password`` in base64, the password no placeholder (docker's config.json)."""
    try:
        text = base64.b64decode(secret, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    user, _, word = text.partition(":")
    return bool(user) and len(word) >= 4 and password(word.encode())  # noqa: PLR2004


def jwt(secret: bytes) -> bool:
    """Accept a token that is signed and says for whom, from whom or how long.

    One without any such claim admits nobody anywhere; documentation is full of them.
    """
    header, payload, _ = secret.split(b".")
    try:
        head = json.loads(base64.urlsafe_b64decode(header + b"=" * (-len(header) % 4)))
        body = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return False
    if not isinstance(head, dict) or not isinstance(body, dict):
        return False
    signed = str(head.get("alg", "none")).lower() != "none"
    known = {str(body.get("sub")), str(body.get("name"))} & _KNOWN
    return signed and not known and any(_CLAIM.search(key) for key in body)


def password(secret: bytes) -> bool:
    """Accept what is neither a placeholder nor a word that documentation uses."""
    text = secret.decode(errors="replace")
    common = "pass|passw|password|passwd|secret|pwd|postgres|mysql|redis|guest|admin|token|username"
    return not placeholder(text) and not re.fullmatch(
        f"(?i)(?:my|user)?[-_]?(?:{common})[0-9]{{0,3}}", text
    )


def encoded(secret: bytes) -> bool:
    """Accept base64 that begins as a private key's file does, and not with one of everybody's."""
    text = base64.b64decode(secret[: len(secret) // 4 * 4] + b"====")
    found = _PEM.match(text)
    return found is not None and unpublished(found[1])


def varied(secret: bytes) -> bool:
    """Accept what has digits and letters, as tokens have and names of them have not."""
    return any(48 <= byte <= 57 for byte in secret) and not secret.isdigit()  # noqa: PLR2004


CHECKS: Final[dict[str, Callable[[bytes], bool]]] = {
    "aws-key": aws_key,
    "basic-auth": basic_auth,
    "crc32-base62": crc32_base62,
    "encoded": encoded,
    "jwt": jwt,
    "password": password,
    "unpublished": unpublished,
    "varied": varied,
}
