"""Entries of Rekor transparency logs as bundles hold them, and as cosign keeps them: claims.

Sources: sigstore/protobuf-specs, sigstore_rekor.proto; github.com/sigstore/cosign,
``pkg/cosign/bundle``. What an entry proves is judged by :mod:`.rekor`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from imgforge import strictjson
from imgforge.signing.key import decode64

MAX_BODY = 1 << 20
"""Bytes; entries hold hashes, a signature and a certificate, never what was signed."""
SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
"""A number as logs write it."""
_MAX_CHECKPOINT = 64 << 10
_HASH = 32
_HEIGHT = 64
_MOST = 1 << 63
_LATEST = 253402300799
"""The last second of the year 9999."""


@dataclass(frozen=True, slots=True)
class Inclusion:
    """That the tree of ``size`` entries under ``root`` has the entry at ``index`` of it."""

    index: int
    size: int
    root: bytes
    hashes: tuple[bytes, ...]
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A log's entry: a claim, until :func:`.rekor.prove` was asked.

    ``index`` counts over all trees of the log, ``time`` is in seconds since 1970 (0: the log does
    not say) and vouched for by ``promise`` alone.
    """

    log: bytes
    index: int
    kind: str
    version: str
    time: int
    body: bytes
    promise: bytes | None
    proof: Inclusion | None

    @classmethod
    def from_json(cls, value: object) -> Entry:
        """Read one of a bundle's ``tlogEntries``; ValueError saying what is wrong."""
        given = shape(
            value,
            {"logId", "canonicalizedBody"},
            "a log entry",
            {"logIndex", "kindVersion", "integratedTime", "inclusionPromise", "inclusionProof"},
        )
        kind = shape(given.get("kindVersion"), {"kind", "version"}, "a kindVersion")
        if not isinstance(kind["kind"], str) or not isinstance(kind["version"], str):
            raise ValueError("a kindVersion is no strings")  # noqa: TRY004 - one error
        promise, proof = given.get("inclusionPromise"), given.get("inclusionProof")
        return cls(
            decode64(shape(given["logId"], {"keyId"}, "a logId")["keyId"]),
            _number(given.get("logIndex", 0)),
            kind["kind"],
            kind["version"],
            _number(given.get("integratedTime") or 0, _LATEST),
            _body(given["canonicalizedBody"]),
            None
            if promise is None
            else decode64(
                shape(promise, {"signedEntryTimestamp"}, "a promise")["signedEntryTimestamp"]
            ),
            None if proof is None else _inclusion(proof),
        )

    @classmethod
    def from_kept(cls, data: bytes) -> Entry:
        """Read what cosign keeps beside an older signature; ValueError saying what is wrong.

        That is ``{"SignedEntryTimestamp", "Payload": {"body", "integratedTime", "logIndex",
        "logID"}}`` (cosign, ``pkg/cosign/bundle``): a promise, and no proof.
        """
        if len(data) > 2 * MAX_BODY:
            raise ValueError(f"its log entry is over {2 * MAX_BODY} bytes")
        value = shape(
            strictjson.load_object(data), {"SignedEntryTimestamp", "Payload"}, "its log entry"
        )
        given = shape(
            value["Payload"], {"body", "integratedTime", "logIndex", "logID"}, "its entry's Payload"
        )
        if not isinstance(given["logID"], str):
            raise ValueError("its log entry names no log")  # noqa: TRY004 - one error
        body = _body(given["body"])
        said = strictjson.load_object(body)
        kind, version = said.get("kind"), said.get("apiVersion")
        if not isinstance(kind, str) or not isinstance(version, str):
            raise ValueError("its log entry is of no kind")  # noqa: TRY004 - one error
        return cls(
            bytes.fromhex(given["logID"]),
            _number(given["logIndex"]),
            kind,
            version,
            _number(given["integratedTime"], _LATEST),
            body,
            decode64(value["SignedEntryTimestamp"]),
            None,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object as a bundle holds it."""
        value: dict[str, Any] = {
            "logIndex": str(self.index),
            "logId": {"keyId": _b64(self.log)},
            "kindVersion": {"kind": self.kind, "version": self.version},
            "canonicalizedBody": _b64(self.body),
        }
        if self.time:
            value["integratedTime"] = str(self.time)
        if self.promise is not None:
            value["inclusionPromise"] = {"signedEntryTimestamp": _b64(self.promise)}
        if self.proof is not None:
            value["inclusionProof"] = {
                "logIndex": str(self.proof.index),
                "treeSize": str(self.proof.size),
                "rootHash": _b64(self.proof.root),
                "hashes": [_b64(each) for each in self.proof.hashes],
                "checkpoint": {"envelope": self.proof.checkpoint},
            }
        return value


def shape(
    value: object, needed: Collection[str], what: str, allowed: Collection[str] = ()
) -> dict[str, Any]:
    """Return ``value`` if it is an object with these fields; ValueError naming ``what``."""
    if not isinstance(value, dict) or not set(needed) <= set(value) <= {*needed, *allowed}:
        raise ValueError(f"{what} has {', '.join(sorted(needed))} and nothing unknown")
    return value


def _inclusion(value: object) -> Inclusion | None:
    """Read a proof of inclusion; one without a checkpoint (bundles of version 0.1) is none."""
    optional = {"logIndex", "hashes", "checkpoint"}
    given = shape(value, {"rootHash", "treeSize"}, "a proof of inclusion", optional)
    if given.get("checkpoint") is None:
        return None
    hashes = given.get("hashes") or []
    checkpoint = shape(given["checkpoint"], {"envelope"}, "a checkpoint")["envelope"]
    if not isinstance(hashes, list) or len(hashes) > _HEIGHT:
        raise ValueError(f"a proof of inclusion has at most {_HEIGHT} hashes")
    if not isinstance(checkpoint, str) or len(checkpoint) > _MAX_CHECKPOINT:
        raise ValueError("a checkpoint is no text, or too long")
    found = Inclusion(
        _number(given.get("logIndex", 0)),
        _number(given["treeSize"]),
        decode64(given["rootHash"]),
        tuple(decode64(each) for each in hashes),
        checkpoint,
    )
    if any(len(each) != _HASH for each in (found.root, *found.hashes)):
        raise ValueError("a proof of inclusion holds no SHA-256")
    return found


def _body(value: object) -> bytes:
    body = decode64(value)
    if len(body) > MAX_BODY:
        raise ValueError(f"a log entry is over {MAX_BODY} bytes")
    return body


def _number(value: object, most: int = _MOST) -> int:
    """Read a number, which protobuf's JSON writes as a string."""
    if isinstance(value, str) and SIZE.fullmatch(value):
        value = int(value)
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError("a number in a log entry is none")
    return value


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
