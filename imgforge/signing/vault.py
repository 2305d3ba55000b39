"""Keys in the transit engine of HashiCorp Vault or OpenBao: ``hashivault://KEY``, ``openbao://KEY``.

Two requests of its HTTP API (openbao.org/api-docs/secret/transit: "read key", "sign data"), so
that it takes no client library. Where it is and who we are is said as to its own tools:
``VAULT_ADDR``, ``VAULT_TOKEN`` or ``~/.vault-token``, ``VAULT_NAMESPACE``, ``VAULT_CACERT``
(``BAO_...`` likewise); ``TRANSIT_SECRET_ENGINE_PATH`` names the engine's mount, as for cosign.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from imgforge import strictjson
from imgforge.errors import EvidenceError, InvalidInputError, TransientError
from imgforge.oci.origin import is_loopback, tls_context
from imgforge.oci.types import canonical_json
from imgforge.signing.key import PublicKey, decode64
from imgforge.signing.remote import RemoteSigner

_KEY = re.compile(r"(?:hashivault|openbao)://([A-Za-z0-9_](?:[\w.-]*\w)?)", re.ASCII)
_SIGNATURE = re.compile(r"vault:v([0-9]+):(.+)")
_SECONDS = 30.0
_MAX_ANSWER = 1 << 20
_FORBIDDEN = frozenset({401, 403})
_TRANSIENT = frozenset({429, 472, 473, 500, 502, 503, 504})
"""Too many requests, a standby that does not answer for another, and the server's own failures."""


@dataclass(frozen=True, slots=True)
class _Transit:
    address: str
    token: str
    namespace: str
    mount: str
    authority: str
    uri: str


def open_key(uri: str, password: Callable[[], bytes]) -> RemoteSigner:  # noqa: ARG001 - OpenKey
    """Ask for the latest version of the key; errors as :func:`.remote.open_key`.

    That version signs, even when the key is rotated meanwhile.
    """
    named = _KEY.fullmatch(uri)
    if named is None:
        raise InvalidInputError(f"{uri!a} names no key of Vault's", hint="such as hashivault://key")
    place = _place(uri)
    name = named[1]
    read = _ask(place, "GET", f"keys/{name}")
    try:
        version = read["latest_version"]
        pem = read["keys"][str(version)]["public_key"]
        if type(version) is not int or not isinstance(pem, str):
            raise TypeError  # noqa: TRY301 - one error
    except (KeyError, TypeError) as error:
        raise EvidenceError(
            f"{uri} has no public half", hint="its type must be ecdsa-p256, rsa-2048 or larger"
        ) from error
    public = PublicKey.from_pem(pem.encode(), f"the key {uri}")

    def sign(data: bytes) -> bytes:
        answer = _ask(
            place,
            "POST",
            f"sign/{name}/sha2-256",
            {
                "input": base64.b64encode(hashlib.sha256(data).digest()).decode(),
                "prehashed": True,
                "key_version": version,
                "signature_algorithm": "pkcs1v15",
                "marshaling_algorithm": "asn1",
            },
        )
        found = _SIGNATURE.fullmatch(str(answer.get("signature")))
        if found is None:
            raise EvidenceError(f"{uri} answers with what is no signature")
        try:
            return decode64(found[2])
        except ValueError as error:
            raise EvidenceError(f"{uri} answers with what is no signature: {error}") from error

    return RemoteSigner(uri, public, sign)


def _place(uri: str) -> _Transit:
    address = _variable("ADDR")
    if not address:
        raise InvalidInputError(
            f"nothing says where the Vault of {uri} is", hint="set VAULT_ADDR (or BAO_ADDR)"
        )
    url = urlsplit(address)
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.hostname or "")):
        raise InvalidInputError(
            f"VAULT_ADDR is {address!a}: not https", hint="a token is never sent without TLS"
        )
    token = _variable("TOKEN") or _kept_token()
    if not token:
        raise InvalidInputError(
            f"nothing says who asks the Vault at {address}",
            hint="set VAULT_TOKEN (or BAO_TOKEN), or log in with its own tool",
        )
    mount = os.environ.get("TRANSIT_SECRET_ENGINE_PATH") or "transit"
    return _Transit(
        address.rstrip("/"),
        token,
        _variable("NAMESPACE"),
        quote(mount.strip("/")),
        _variable("CACERT"),
        uri,
    )


def _variable(name: str) -> str:
    return os.environ.get(f"VAULT_{name}") or os.environ.get(f"BAO_{name}") or ""


def _kept_token() -> str:
    try:
        return Path("~/.vault-token").expanduser().read_text(encoding="ascii").strip()
    except (OSError, ValueError, RuntimeError):
        return ""


def _context(authority: str) -> ssl.SSLContext:
    if not authority:
        return tls_context()
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as error:
        raise InvalidInputError(f"VAULT_CACERT {authority} cannot be used: {error}") from error


def _ask(
    place: _Transit, method: str, path: str, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the ``data`` of an answer. The token goes to no other place: nothing is followed."""
    import httpx

    headers = {"X-Vault-Token": place.token, "X-Vault-Request": "true"}
    if place.namespace:
        headers["X-Vault-Namespace"] = place.namespace
    url = f"{place.address}/v1/{place.mount}/{path}"
    try:
        with (
            httpx.Client(verify=_context(place.authority), timeout=_SECONDS) as client,
            client.stream(
                method,
                url,
                headers=headers,
                content=None if body is None else canonical_json(body),
            ) as answer,
        ):
            data = b""
            for piece in answer.iter_bytes():
                data += piece
                if len(data) > _MAX_ANSWER:
                    raise EvidenceError(f"the Vault of {place.uri} answers with too much")
            status = answer.status_code
    except httpx.InvalidURL as error:
        raise InvalidInputError(f"VAULT_ADDR is {place.address!a}: {error}") from error
    except httpx.HTTPError as error:
        raise TransientError(f"the Vault of {place.uri} does not answer: {error}") from error
    try:
        said = strictjson.load_object(data)
    except ValueError:
        said = {}
    errors = said.get("errors")
    details = [str(each) for each in errors] if isinstance(errors, list) else []
    if status in _TRANSIENT:
        raise TransientError(
            f"the Vault of {place.uri} answers with status {status}",
            details=details,
            hint="is it sealed?",
        )
    if status in _FORBIDDEN:
        raise EvidenceError(
            f"the Vault refuses {place.uri} to this token",
            details=details,
            hint=f"it must be allowed to read {place.mount}/keys/... and to write "
            f"{place.mount}/sign/...",
        )
    found = said.get("data")
    if status != 200 or not isinstance(found, dict):  # noqa: PLR2004 - HTTP's OK
        raise EvidenceError(
            f"the Vault has no {place.uri} to give (status {status})",
            details=details,
            hint=f"it looks in the transit engine mounted at {place.mount}/",
        )
    return found
