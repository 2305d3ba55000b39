"""Keys by what people call them: a file, or the URI of a key that lies elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.errors import InvalidInputError
from imgforge.files import public_path
from imgforge.signing import password as passwords
from imgforge.signing import remote, variable
from imgforge.signing.key import PublicKey, load_public
from imgforge.signing.signer import KeySigner

if TYPE_CHECKING:
    from imgforge.signing.signer import Signer


def open_signer(key: str, password: Callable[[], bytes]) -> Signer:
    """Open what ``key`` names: the path of cosign's key file, or the URI of a key elsewhere.

    Beside a file lies its public half, which must be its own (InvalidInputError); ``pkcs11:...``,
    ``awskms://...``, ``gcpkms://...``, ``azurekms://...``, ``hashivault://...``, ``env://NAME`` and
    those of Sigstore's plugins are opened by :mod:`.remote`. ``password`` is called only where one
    is wanted: for a file, or as a token's PIN. Further errors as :func:`.key.load_private`,
    :func:`.key.load_public` and :func:`.remote.open_key`.
    """
    if remote.scheme(key) is not None:
        return remote.open_key(key, password)
    private = Path(key)
    signer, public = KeySigner.open(private, password()), public_path(private)
    if signer.public_key.der != load_public(public).der:
        raise InvalidInputError(
            f"{public} is not the public half of {private}",
            hint=f"imgforge key public {private} prints the right one",
        )
    return signer


def public_of(key: str) -> PublicKey:
    """Return the public key that ``key`` names: the path of its PEM, or a key's URI.

    A token or a key service is asked for the public half of the key it holds; ``env://NAME`` is
    the PEM itself. Errors as :func:`.key.load_public` and :func:`.remote.open_key`.
    """
    scheme = remote.scheme(key)
    if scheme is None:
        return load_public(Path(key))
    if scheme == "env":
        return PublicKey.from_pem(*variable.content(key))
    return remote.open_key(key, passwords.read).public_key
