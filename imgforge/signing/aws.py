"""Keys in AWS KMS: ``awskms://[ENDPOINT]/ID``; a key's id or ARN, or ``alias/NAME`` or its ARN.

Through boto3, which finds credentials, region and endpoints as every AWS tool does. Only the
digest of what is signed leaves this machine. Needs ``kms:GetPublicKey`` and ``kms:Sign``.
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

_ARN = r"arn:aws(?:-[a-z]+)*:kms:([a-z0-9-]+):[0-9]{12}:"
_ID = r"(?:mrk-[0-9a-f]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
_ALIAS = r"alias/[a-zA-Z0-9/_-]+"
_KEY = re.compile(rf"awskms://([^/]*)/((?:{_ARN})?(?:(?<=:)key/{_ID}|(?<![:]){_ID}|{_ALIAS}))")
_SCHEMES = ("ECDSA_SHA_256", "RSASSA_PKCS1_V1_5_SHA_256")
_WAIT = (10, 30)
"""Seconds to connect, and for an answer."""


def open_key(uri: str, password: Callable[[], bytes]) -> RemoteSigner:  # noqa: ARG001 - OpenKey
    """Ask for the key's public half; errors as :func:`.remote.open_key`."""
    named = _KEY.fullmatch(uri)
    if named is None:
        raise InvalidInputError(
            f"{uri!a} names no key of AWS KMS",
            hint="such as awskms:///alias/release or awskms:///arn:aws:kms:REGION:ACCOUNT:key/ID",
        )
    endpoint, key, region = named[1], named[2], named[3]
    with _explained(uri):
        client = _client(endpoint, region)
        answer = client.get_public_key(KeyId=key)
    offered = answer.get("SigningAlgorithms") or []
    scheme = next((each for each in _SCHEMES if each in offered), None)
    if scheme is None:
        raise EvidenceError(
            f"{uri} signs with none of {', '.join(_SCHEMES)}",
            hint="its KeySpec must be ECC_NIST_P256 or RSA_..., its KeyUsage SIGN_VERIFY",
        )
    public = PublicKey.from_der(bytes(answer["PublicKey"]), f"the key {uri}")
    # An alias may come to mean another key between two statements of one build.
    exact = str(answer["KeyId"])

    def sign(data: bytes) -> bytes:
        with _explained(uri):
            signed = client.sign(
                KeyId=exact,
                Message=hashlib.sha256(data).digest(),
                MessageType="DIGEST",
                SigningAlgorithm=scheme,
            )
            return bytes(signed["Signature"])

    return RemoteSigner(uri, public, sign)


def _client(endpoint: str, region: str | None) -> Any:  # noqa: ANN401 - boto3 makes it from data
    import boto3
    from botocore.config import Config

    return boto3.session.Session().client(
        "kms",
        region_name=region,
        endpoint_url=f"https://{endpoint}" if endpoint else None,
        config=Config(
            connect_timeout=_WAIT[0], read_timeout=_WAIT[1], retries={"total_max_attempts": 4}
        ),
    )


@contextmanager
def _explained(uri: str) -> Iterator[None]:
    try:
        from botocore import exceptions
    except ImportError as error:
        raise remote.extra_missing("awskms://", "aws") from error
    try:
        yield
    except exceptions.ClientError as error:
        answer = error.response
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        said = f"{answer.get('Error', {}).get('Code')}: {answer.get('Error', {}).get('Message')}"
        if status >= 500 or "Throttling" in said:  # noqa: PLR2004 - HTTP's server errors
            raise TransientError(f"AWS KMS fails for {uri}", details=[said]) from error
        raise EvidenceError(
            f"AWS KMS refuses {uri}",
            details=[said],
            hint="the caller needs kms:GetPublicKey and kms:Sign on an enabled key",
        ) from error
    except (exceptions.NoRegionError, exceptions.NoCredentialsError) as error:
        raise InvalidInputError(
            f"AWS KMS cannot be asked for {uri}: {error}",
            hint="set AWS_REGION, and credentials as for every AWS tool",
        ) from error
    except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
        raise TransientError(f"AWS KMS does not answer for {uri}: {error}") from error
    except exceptions.BotoCoreError as error:
        raise EvidenceError(f"AWS KMS cannot be asked for {uri}: {error}") from error
