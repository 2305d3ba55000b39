"""A key pair on disk: the private key, and the public one beside it that verifies."""

from __future__ import annotations

from pathlib import Path

from imgforge.errors import InvalidInputError
from imgforge.files import public_path
from imgforge.signing.key import load_public
from imgforge.signing.signer import KeySigner


def open_pair(private: Path, password: bytes) -> KeySigner:
    """Open ``private``; InvalidInputError if what lies beside it is not its public half."""
    signer = KeySigner.open(private, password)
    public = public_path(private)
    if signer.public_key.der != load_public(public).der:
        raise InvalidInputError(
            f"{public} is not the public half of {private}",
            hint=f"imgforge key public {private} prints the right one",
        )
    return signer
