"""Entries of a Rekor transparency log (v1), for signatures that carry a promise but no proof.

Source: github.com/sigstore/rekor, ``openapi.yaml``. An entry is a claim until sigstore-python has
verified it; nothing here is believed.
"""

from __future__ import annotations

import base64
import time
from typing import Any
from urllib.parse import urlsplit

from imgforge import strictjson
from imgforge.errors import TransientError
from imgforge.oci.origin import is_loopback, tls_context

_NONE = frozenset({400, 401, 403, 404, 410})
MAX_ENTRY = 1 << 20
"""Bytes; the most that is read of a log's answer."""
_SECONDS = 20.0


def named(kept: bytes) -> tuple[bytes, int]:
    """Return the log's identifier and the entry's index out of what cosign keeps; ValueError."""
    payload = strictjson.load_object(kept).get("Payload")
    if not isinstance(payload, dict):
        raise ValueError("its log entry has no Payload")  # noqa: TRY004 - one error
    identifier, index = payload.get("logID"), payload.get("logIndex")
    if not isinstance(identifier, str) or type(index) is not int or index < 0:
        raise ValueError("its log entry names no log and index")
    return bytes.fromhex(identifier), index


def entry(url: str, index: int, *, offline: bool) -> dict[str, Any]:
    """Return entry ``index`` of the log at ``url`` as a bundle holds it.

    ValueError if there is none or the answer is none, TransientError if the log does not answer or
    this is ``offline``.
    """
    import httpx

    place = urlsplit(url)
    if offline:
        raise TransientError(f"the proof for entry {index} has to be asked of {place.hostname}")
    if place.scheme != "https" and not is_loopback(place.hostname or ""):
        raise ValueError(f"its log {url!a} is not reached with TLS")
    end = time.monotonic() + 2 * _SECONDS
    target = f"{url.rstrip('/')}/api/v1/log/entries"
    try:
        with (
            httpx.Client(verify=tls_context(), timeout=_SECONDS) as client,
            client.stream("GET", target, params={"logIndex": index}) as answer,
        ):
            data = b""
            for piece in answer.iter_bytes():
                data += piece
                if time.monotonic() > end:
                    raise TransientError(f"the log {place.hostname} is too slow")
                if len(data) > MAX_ENTRY:
                    raise ValueError(f"the log answers with over {MAX_ENTRY} bytes")
            status = answer.status_code
    except httpx.HTTPError as error:
        raise TransientError(f"the log {place.hostname} does not answer: {error}") from error
    if status in _NONE:
        raise ValueError(f"the log {place.hostname} has no entry {index} (status {status})")
    if status != 200:  # noqa: PLR2004 - HTTP's OK
        raise TransientError(f"the log {place.hostname} answers with status {status}")
    try:
        (found,) = strictjson.load_object(data).values()
        return _converted(found)
    except (KeyError, TypeError) as error:
        raise ValueError("the log's answer is no entry") from error


def _converted(found: dict[str, Any]) -> dict[str, Any]:
    """Rewrite Rekor's JSON as the protobuf message TransparencyLogEntry's."""
    body = strictjson.load_object(base64.b64decode(found["body"], validate=True))
    verification = found["verification"]
    proof = verification["inclusionProof"]
    return {
        "logIndex": str(found["logIndex"]),
        "logId": {"keyId": _b64(found["logID"])},
        "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
        "integratedTime": str(found["integratedTime"]),
        "inclusionPromise": {"signedEntryTimestamp": verification["signedEntryTimestamp"]},
        "inclusionProof": {
            "logIndex": str(proof["logIndex"]),
            "rootHash": _b64(proof["rootHash"]),
            "treeSize": str(proof["treeSize"]),
            "hashes": [_b64(each) for each in proof["hashes"]],
            "checkpoint": {"envelope": proof["checkpoint"]},
        },
        "canonicalizedBody": found["body"],
    }


def _b64(digits: str) -> str:
    return base64.b64encode(bytes.fromhex(digits)).decode()
