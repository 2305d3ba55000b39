"""Keys in Azure Key Vault or a Managed HSM: ``azurekms://VAULT.vault.azure.net/KEY[/VERSION]``.

Through azure-keyvault-keys with azure-identity's default credential. Only the digest of what is
signed leaves this machine. Needs the permissions ``get`` and ``sign``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from imgforge.errors import EvidenceError, InvalidInputError, TransientError
from imgforge.signing import remote
from imgforge.signing.key import PublicKey
from imgforge.signing.remote import RemoteSigner

_KEY = re.compile(r"azurekms://([A-Za-z0-9.:-]+)/([A-Za-z0-9-]+)(?:/([a-z0-9]+))?")
_WAIT = {"connection_timeout": 10, "read_timeout": 30}
"""Seconds to connect, and for an answer."""


def open_key(uri: str, password: Callable[[], bytes]) -> RemoteSigner:  # noqa: ARG001 - OpenKey
    """Ask for the key's public half; errors as :func:`.remote.open_key`.

    The version that answers signs, even when the key is rotated meanwhile.
    """
    named = _KEY.fullmatch(uri)
    if named is None:
        raise InvalidInputError(
            f"{uri!a} names no key of Azure Key Vault",
            hint="such as azurekms://VAULT.vault.azure.net/KEY",
        )
    with _explained(uri):
        from azure.identity import DefaultAzureCredential
        from azure.keyvault.keys import KeyClient
        from azure.keyvault.keys.crypto import SignatureAlgorithm

        client = KeyClient(f"https://{named[1]}", DefaultAzureCredential(), **_WAIT)
        key = client.get_key(named[2], named[3])
        public = _public(key.key, uri)
        found = re.match("EC|RSA", str(getattr(key.key_type, "value", key.key_type)))
        kind = found[0] if found else ""
        algorithm = {"EC": SignatureAlgorithm.es256, "RSA": SignatureAlgorithm.rs256}[kind]
        service = client.get_cryptography_client(named[2], key_version=key.properties.version)

    def sign(data: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

        with _explained(uri):
            raw = service.sign(algorithm, hashlib.sha256(data).digest()).signature
        if kind == "RSA":
            return raw
        # A JWS signature: both numbers in 32 bytes each (RFC 7518, 3.4).
        return encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))

    return RemoteSigner(uri, public, sign)


def _public(material: Any, uri: str) -> PublicKey:  # noqa: ANN401 - its fields are not typed
    """Make a public key of the service's JSON Web Key (RFC 7518, 6)."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    place = f"the key {uri}"
    try:
        if material.n and material.e:
            numbers = rsa.RSAPublicNumbers(int.from_bytes(material.e), int.from_bytes(material.n))
            return PublicKey.of(numbers.public_key(), place)
        if material.x and material.y and material.crv == "P-256":
            x, y = int.from_bytes(material.x), int.from_bytes(material.y)
            point = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1())
            return PublicKey.of(point.public_key(), place)
    except ValueError as error:
        raise EvidenceError(f"{place} cannot be read: {error}") from error
    raise EvidenceError(
        f"{place} is of a kind that imgforge does not accept",
        hint="its type must be EC on P-256, or RSA of 2048 bits or more",
    )


@contextmanager
def _explained(uri: str) -> Iterator[None]:
    try:
        import azure.identity
        import azure.keyvault.keys  # noqa: F401 - is it there?
        from azure.core import exceptions
    except ImportError as error:
        raise remote.extra_missing("azurekms://", "azure") from error
    try:
        yield
    except exceptions.ClientAuthenticationError as error:
        raise InvalidInputError(
            f"Azure Key Vault cannot be asked for {uri}: {error.message}",
            hint="az login, a managed identity, or AZURE_TENANT_ID, AZURE_CLIENT_ID and a secret",
        ) from error
    except (exceptions.ServiceRequestError, exceptions.ServiceResponseError) as error:
        raise TransientError(f"Azure Key Vault does not answer for {uri}: {error}") from error
    except exceptions.HttpResponseError as error:
        if error.status_code is not None and (error.status_code >= 500 or error.status_code == 429):  # noqa: PLR2004 - HTTP's
            raise TransientError(f"Azure Key Vault fails for {uri}: {error.message}") from error
        raise EvidenceError(
            f"Azure Key Vault refuses {uri}",
            details=[str(error.message)],
            hint="the caller needs the permissions get and sign on an enabled key",
        ) from error
    except exceptions.AzureError as error:
        raise EvidenceError(f"Azure Key Vault cannot be asked for {uri}: {error}") from error
