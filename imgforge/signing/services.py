"""How the services of a Sigstore are reached, and what sigstore-python does not ask them.

Sources: github.com/sigstore/rekor, ``openapi.yaml`` (v1); github.com/sigstore/rekor-tiles,
``CLIENTS.md`` (v2); RFC 3161. The library knows certificates alone: a key's signatures are entered
into a log here, and timestamped. What it asks itself goes out by the same :meth:`Services.post`
(:mod:`imgforge.signing.library`), on httpx as everything else, with its proxies and authorities.
What a service answers is a claim: the bundle that is made of it is verified before it goes
anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import ssl
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from imgforge import proxy, strictjson
from imgforge.errors import EvidenceError, InvalidInputError, TransientError
from imgforge.oci.origin import is_loopback, tls_context
from imgforge.oci.types import canonical_json
from imgforge.signing import dsse
from imgforge.signing.trust import Log

if TYPE_CHECKING:
    import httpx

MAX_ANSWER = 96 << 20
"""Bytes; a log of version 1 gives back what it was given only by hash, but nobody promises that."""
SECONDS = 30.0
"""For one read or connection."""
DEADLINE = 90.0
"""Seconds for one request: a log answers only when its next checkpoint holds the entry."""
_ATTEMPTS = 3
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_CONFLICT = 409
_MAX_PAUSE = 20.0
_TIMESTAMP = "application/timestamp-query"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Verifier:
    """The public key that verifies a signature, as a log wants it.

    ``details`` names the algorithm (protobuf-specs, ``PublicKeyDetails``).
    """

    der: bytes
    pem: bytes
    details: str


class Services:
    """One HTTP client for all services; threads may share it."""

    def __init__(self, pause: Callable[[float], None] = time.sleep) -> None:
        import httpx

        context = _authorities()
        self._client = httpx.Client(
            verify=context,
            mounts=proxy.mounts(context),
            timeout=SECONDS,
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=32),
        )
        self._pause = pause
        weakref.finalize(self, self._client.close)

    def entry(self, log: Log, envelope: dsse.Envelope, verifier: Verifier) -> dict[str, Any]:
        """Enter ``envelope`` into ``log``; return the entry as a bundle holds it."""
        place = f"the transparency log {checked(log.url)}"
        url = f"{log.url.rstrip('/')}/api/v{log.version}/log/entries"
        if log.version == 1:
            answer = self.post(place, url, canonical_json(_v1(envelope, verifier)), v1=True)
            return _understood(place, answer, _v1_entry)
        answer = self.post(place, url, canonical_json(_v2(envelope, verifier)))
        return _understood(place, answer, _v2_entry)

    def timestamp(self, authority: str, signature: bytes) -> bytes:
        """Return the authority's answer (DER TimeStampResp) about ``signature``.

        EvidenceError if it is about something else; who signed it is not looked at.
        """
        from rfc3161_client import (
            HashAlgorithm,
            TimestampRequestBuilder,
            decode_timestamp_response,
        )

        place = f"the timestamp authority {checked(authority)}"
        request = (
            TimestampRequestBuilder(hash_algorithm=HashAlgorithm.SHA256)
            .data(signature)
            .nonce(nonce=True)
            .build()
        )
        data = self.post(place, authority, request.as_bytes(), {"Content-Type": _TIMESTAMP})
        try:
            answer = decode_timestamp_response(data)
            stamped, nonce = answer.tst_info.message_imprint.message, answer.tst_info.nonce
        except ValueError as error:
            raise EvidenceError(f"{place} answers with no timestamp: {error}"[:300]) from error
        if stamped != hashlib.sha256(signature).digest():
            raise EvidenceError(f"{place} stamped something else than it was asked to")
        if nonce != request.nonce:
            raise EvidenceError(f"{place} answers another request than ours (its nonce differs)")
        return data

    def post(
        self,
        place: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str] = {},
        *,
        v1: bool = False,
        refused: str | None = None,
    ) -> bytes:
        """Send ``body`` until there is an answer that will not change by asking again; return it.

        EvidenceError with the words of ``place`` if it refuses (``refused`` is the hint then),
        TransientError if it does not serve. ``v1`` is a log that says where it has an entry.
        """
        named = {"Content-Type": "application/json", "Accept": "*/*", **headers}
        end = time.monotonic() + DEADLINE
        reason = ""
        for attempt in range(_ATTEMPTS):
            try:
                status, found, data = self._once("POST", url, body, named, end)
                if status == _CONFLICT and v1:  # it has this very entry
                    status, found, data = self._once("GET", _same(url, found), b"", named, end)
            except _SilentError as error:
                reason = str(error)
                wait = 0.0
            else:
                if status in {200, 201}:
                    return data
                reason = f"it answers with status {status}{_words(data)}"
                if status == _CONFLICT:
                    raise EvidenceError(
                        f"{place} has this very signature, and gives an entry only once: {reason}",
                        hint="sign anew: imgforge sign --key FILE --log, or --keyless",
                    )
                if status not in _AGAIN:
                    raise EvidenceError(f"{place} refuses: {reason}", hint=refused)
                wait = _asked_wait(found.get("retry-after", ""))
            wait = max(wait, 0.5 * 2**attempt)
            if attempt + 1 == _ATTEMPTS or time.monotonic() + wait > end:
                break
            self._pause(wait)
        raise TransientError(f"{place} does not serve: {reason}", hint="try again")

    def _once(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], end: float
    ) -> tuple[int, httpx.Headers, bytes]:
        import httpx

        try:
            with self._client.stream(method, url, content=body, headers=headers) as answer:
                pieces, size = [], 0
                for piece in answer.iter_bytes():
                    size += len(piece)
                    pieces.append(piece)
                    if size > MAX_ANSWER:
                        raise _SilentError(f"its answer is over {MAX_ANSWER} bytes")
                    if time.monotonic() > end:
                        raise _SilentError(f"its answer took over {DEADLINE:.0f} s")
                return answer.status_code, answer.headers, b"".join(pieces)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _SilentError(redacted(str(error) or type(error).__name__)) from error


class _SilentError(Exception):
    """There was no whole answer."""


def checked(url: str) -> str:
    """Return the host to name in messages; InvalidInputError for what is not reached with TLS."""
    place = urlsplit(url)
    if place.scheme != "https" and not (
        place.scheme == "http" and is_loopback(place.hostname or "")
    ):
        raise InvalidInputError(
            f"the trust configuration names {url!a}, which is not reached with TLS"
        )
    return place.netloc.rpartition("@")[2]


def _authorities() -> ssl.SSLContext:
    """Honour ``SSL_CERT_FILE`` as all else does, and what Sigstore's own tools look at, too."""
    named = os.environ.get("REQUESTS_CA_BUNDLE")
    if not named or os.environ.get("SSL_CERT_FILE"):
        return tls_context()
    try:
        if os.path.isdir(named):  # noqa: PTH112 - as ssl takes it
            return ssl.create_default_context(capath=named)
        return ssl.create_default_context(cafile=named)
    except OSError as error:
        raise InvalidInputError(f"REQUESTS_CA_BUNDLE {named} cannot be used: {error}") from error


def _v2(envelope: dsse.Envelope, verifier: Verifier) -> dict[str, Any]:
    """Return rekor-tiles' CreateEntryRequest: a hashedrekord over DSSE's encoding."""
    signed = dsse.pae(envelope.payload_type, envelope.payload)
    return {
        "hashedRekordRequestV002": {
            "digest": _b64(hashlib.sha256(signed).digest()),
            "signature": {
                "content": _b64(envelope.signature),
                "verifier": {
                    "publicKey": {"rawBytes": _b64(verifier.der)},
                    "keyDetails": verifier.details,
                },
            },
        }
    }


def _v1(envelope: dsse.Envelope, verifier: Verifier) -> dict[str, Any]:
    """Return a proposed entry of kind dsse; such a log reads the envelope and keeps hashes."""
    text = canonical_json(envelope.to_json()).decode()
    return {
        "apiVersion": "0.0.1",
        "kind": "dsse",
        "spec": {"proposedContent": {"envelope": text, "verifiers": [_b64(verifier.pem)]}},
    }


def _v1_entry(value: dict[str, Any]) -> dict[str, Any]:
    """Rewrite the one entry of such a log's answer as a bundle holds it; KeyError, ValueError."""
    (found,) = value.values()
    body = strictjson.load_object(base64.b64decode(found["body"], validate=True))
    verification = found["verification"]
    proof = verification["inclusionProof"]
    return {
        "logIndex": str(found["logIndex"]),
        "logId": {"keyId": _b64(bytes.fromhex(found["logID"]))},
        "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
        "integratedTime": str(found["integratedTime"]),
        "inclusionPromise": {"signedEntryTimestamp": verification["signedEntryTimestamp"]},
        "inclusionProof": {
            "logIndex": str(proof["logIndex"]),
            "rootHash": _b64(bytes.fromhex(proof["rootHash"])),
            "treeSize": str(proof["treeSize"]),
            "hashes": [_b64(bytes.fromhex(each)) for each in proof["hashes"]],
            "checkpoint": {"envelope": proof["checkpoint"]},
        },
        "canonicalizedBody": found["body"],
    }


def _v2_entry(value: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a TransparencyLogEntry that a bundle needs; KeyError if one lacks."""
    proof = value["inclusionProof"]
    return {
        "logIndex": str(value["logIndex"]),
        "logId": {"keyId": value["logId"]["keyId"]},
        "kindVersion": {
            "kind": value["kindVersion"]["kind"],
            "version": value["kindVersion"]["version"],
        },
        "inclusionProof": {
            "logIndex": str(proof["logIndex"]),
            "rootHash": proof["rootHash"],
            "treeSize": str(proof["treeSize"]),
            "hashes": list(proof.get("hashes", [])),
            "checkpoint": {"envelope": proof["checkpoint"]["envelope"]},
        },
        "canonicalizedBody": value["canonicalizedBody"],
    }


def _understood(place: str, data: bytes, read: Callable[[dict[str, Any]], T]) -> T:
    try:
        return read(strictjson.load_object(data))
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise EvidenceError(
            f"{place} answers with something else than it should",
            details=[redacted(f"{type(error).__name__}: {error}")],
        ) from error


def _same(url: str, headers: Mapping[str, str]) -> str:
    """Return where the entry that is there already can be read, at the same place."""
    place = urlsplit(url)
    path = urlsplit(headers.get("location", "")).path
    if not path.startswith(f"{place.path}/"):
        raise _SilentError("it has the entry and does not say where")
    return place._replace(path=path, query="").geturl()


def _words(data: bytes) -> str:
    """Return what a service says about its refusal, on one line."""
    try:
        value = strictjson.load_object(data[:65536])
        said = value.get("message", "")
    except ValueError:
        said = data[:300].decode(errors="replace")
    text = redacted(str(said))
    return f": {text}" if text else ""


def redacted(text: str) -> str:
    """Return ``text`` on one line without anything that looks like a token."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return _TOKEN.sub("[token]", line)[:300]


def _asked_wait(text: str) -> float:
    return min(float(text), _MAX_PAUSE) if text.isascii() and text.isdigit() else 0.0


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
