"""Keys that lie elsewhere: on a token, in a key service, in a variable; each named by a URI.

The forms are cosign's (github.com/sigstore/sigstore, ``pkg/signature/kms``), so that one name
serves both. A scheme that imgforge does not know is a plugin's (:mod:`imgforge.signing.plugin`).
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from imgforge.errors import EvidenceError, ToolMissingError

if TYPE_CHECKING:
    from imgforge.signing.key import PublicKey
    from imgforge.signing.signer import Signer

STORES: Mapping[str, str] = {
    "pkcs11": "imgforge.signing.token",
    "awskms": "imgforge.signing.aws",
    "gcpkms": "imgforge.signing.gcp",
    "azurekms": "imgforge.signing.azure",
    "hashivault": "imgforge.signing.vault",
    "openbao": "imgforge.signing.vault",
    "env": "imgforge.signing.variable",
}
"""Scheme -> the module that opens it with ``open_key(uri, password)``."""

_PLUGIN = "imgforge.signing.plugin"
_SCHEME = re.compile(r"(?:(pkcs11):|([A-Za-z][A-Za-z0-9+.-]*)://)")
_SECRET = re.compile(r"(?<=[?&]pin-value=)[^&]*")


class OpenKey(Protocol):
    """How a store's module opens a key."""

    def __call__(self, uri: str, password: Callable[[], bytes]) -> Signer:
        """Open the key; ``password`` is asked only if the store wants one, and but once."""


@dataclass(frozen=True, slots=True)
class RemoteSigner:
    """Signs with a key that never leaves where it lies.

    ``uri`` says where, without secrets; ``ask`` returns the signature over the bytes it is given:
    with SHA-256, ECDSA in DER or RSA with PKCS #1 v1.5.
    """

    uri: str
    public_key: PublicKey
    ask: Callable[[bytes], bytes] = field(repr=False)

    @property
    def hint(self) -> str:
        """The public half's name in bundles."""
        return self.public_key.hint

    def sign(self, data: bytes) -> bytes:
        """Have ``data`` signed, and check the answer before anyone relies on it."""
        signature = self.ask(data)
        if not self.public_key.verify(signature, data):
            raise EvidenceError(
                f"{self.uri} answered with a signature that is not its key's",
                hint="has the key been rotated? try again, or name the key's version",
            )
        return signature


def scheme(key: str) -> str | None:
    """Return the scheme of a URI that names a key; None if ``key`` is a path."""
    found = _SCHEME.match(key)
    return (found[1] or found[2]) if found else None


def shown(uri: str) -> str:
    """Return ``uri`` as messages may show it: without a PIN."""
    return _SECRET.sub("...", uri)


def open_key(uri: str, password: Callable[[], bytes]) -> Signer:
    """Open the key that ``uri`` names.

    InvalidInputError if the URI is malformed, ToolMissingError if what opens it is not installed,
    EvidenceError if the store refuses, TransientError if it does not answer.
    """
    module = importlib.import_module(STORES.get(scheme(uri) or "", _PLUGIN))
    opener: OpenKey = module.open_key
    return opener(uri, password)


def extra_missing(name: str, extra: str) -> ToolMissingError:
    """Return the error of a key whose client library is not installed."""
    return ToolMissingError(
        f"{name} keys need a library that is not installed",
        hint=f"pip install 'imgforge[{extra}]'",
    )
