"""Keys in Google Cloud KMS: ``gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K``.

``/versions/N`` (or ``/cryptoKeyVersions/N``) names a version; without it the newest enabled one
signs. Through google-cloud-kms with application default credentials. Only the digest of what is
signed leaves this machine. Needs ``cloudkms.cryptoKeyVersions.viewPublicKey`` and ``useToSign``,
and ``list`` where no version is named.
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

_PART = r"[A-Za-z0-9:._-]+"
_KEY = re.compile(
    rf"gcpkms://(projects/{_PART}/locations/{_PART}/keyRings/{_PART}/cryptoKeys/{_PART})"
    r"(?:/(?:cryptoKeyVersions|versions)/([0-9]+))?"
)
_SECONDS = 30.0


def open_key(uri: str, password: Callable[[], bytes]) -> RemoteSigner:  # noqa: ARG001 - OpenKey
    """Ask for the key's public half; errors as :func:`.remote.open_key`."""
    named = _KEY.fullmatch(uri)
    if named is None:
        raise InvalidInputError(
            f"{uri!a} names no key of Google Cloud KMS",
            hint="such as gcpkms://projects/P/locations/global/keyRings/R/cryptoKeys/K/versions/1",
        )
    with _explained(uri):
        from google.cloud import kms

        client: Any = kms.KeyManagementServiceClient()
        version = (
            f"{named[1]}/cryptoKeyVersions/{named[2]}" if named[2] else _newest(client, named[1])
        )
        answer = client.get_public_key(request={"name": version}, timeout=_SECONDS)
    algorithm = answer.algorithm.name
    if not re.fullmatch(r"EC_SIGN_P256_SHA256|RSA_SIGN_PKCS1_[0-9]+_SHA256", algorithm):
        raise EvidenceError(
            f"{uri} signs with {algorithm}, which imgforge does not accept",
            hint="its algorithm must be EC_SIGN_P256_SHA256 or RSA_SIGN_PKCS1_..._SHA256",
        )
    public = PublicKey.from_pem(answer.pem.encode(), f"the key {uri}")

    def sign(data: bytes) -> bytes:
        with _explained(uri):
            signed = client.asymmetric_sign(
                request={"name": version, "digest": {"sha256": hashlib.sha256(data).digest()}},
                timeout=_SECONDS,
            )
            return bytes(signed.signature)

    return RemoteSigner(uri, public, sign)


def _newest(client: Any, key: str) -> str:  # noqa: ANN401 - the tests give it another transport
    request = {"parent": key, "filter": "state=ENABLED"}
    names: list[str] = [
        v.name for v in client.list_crypto_key_versions(request=request, timeout=_SECONDS)
    ]
    if not names:
        raise EvidenceError(f"gcpkms://{key} has no enabled version")
    return max(names, key=lambda name: int(name.rpartition("/")[2]))


@contextmanager
def _explained(uri: str) -> Iterator[None]:
    try:
        from google.api_core import exceptions
        from google.auth import exceptions as denied
    except ImportError as error:
        raise remote.extra_missing("gcpkms://", "gcp") from error
    try:
        yield
    except (
        exceptions.ServerError,
        exceptions.TooManyRequests,
        exceptions.RetryError,
        denied.TransportError,
    ) as error:
        raise TransientError(f"Google Cloud KMS does not answer for {uri}: {error}") from error
    except exceptions.GoogleAPIError as error:
        raise EvidenceError(
            f"Google Cloud KMS refuses {uri}",
            details=[str(error)],
            hint="the caller needs the role cloudkms.signerVerifier on the key",
        ) from error
    except denied.GoogleAuthError as error:
        raise InvalidInputError(
            f"Google Cloud KMS cannot be asked for {uri}: {error}",
            hint="gcloud auth application-default login, or GOOGLE_APPLICATION_CREDENTIALS",
        ) from error
