"""The proof that a Rekor transparency log, of version 1 or 2, holds an entry of a signature.

An entry proves something only if three things hold: a log of the trusted root answers for it (by a
proof of inclusion under a signed checkpoint, or by its promise), its parts agree with each other,
and what the log holds is about this very signature by this very key (CVE-2022-36056: an entry of
something else, however well proven, is no witness).

Sources: RFC 6962 and RFC 9162, section 2.1.3 (proofs of inclusion); github.com/transparency-dev/
formats, ``log`` (checkpoints) and c2sp.org/signed-note; github.com/sigstore/rekor, ``pkg/types``
(entries of version 1) and ``openapi.yaml`` (the promise, "SET"); github.com/sigstore/rekor-tiles,
``api/proto`` (version 2).
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from imgforge import strictjson
from imgforge.signing.dsse import Envelope
from imgforge.signing.entry import SIZE, Entry, Inclusion
from imgforge.signing.key import decode64
from imgforge.signing.root import Log, Span

_TILES = ("hashedrekord", "0.0.2")
"""The one kind of entry that logs of version 2 hold, and no log of version 1."""
_SIGNATURE = re.compile("\N{EM DASH} ([^ +\n]+) ([A-Za-z0-9+/=]+)")


@dataclass(frozen=True, slots=True)
class Record:
    """One signature, as a log's entry must show it.

    ``signed`` are the bytes under ``signature`` and ``verifier`` is who made it: a certificate or
    a SubjectPublicKeyInfo, in DER. ``envelope`` is there if that is what was signed, ``text`` is
    its JSON if that is known as it was when logged.
    """

    signed: bytes
    signature: bytes
    verifier: bytes
    envelope: Envelope | None = None
    text: bytes | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """That the log at ``url`` holds the entry ``index``, and since when (None: it does not say).

    ``span`` is the time in which the log's key counts.
    """

    url: str
    index: int
    time: int | None
    span: Span


def prove(entry: Entry, record: Record, logs: Sequence[Log], *, promised: bool) -> Held:
    """Return what ``entry`` proves about ``record``; ValueError with the reason if nothing.

    Where there is a proof of inclusion it must hold, and so must a promise. ``promised``: a promise
    alone will do, as it does for cosign where nothing else was kept.
    """
    log = next((log for log in logs if log.identifier == entry.log), None)
    if log is None:
        raise ValueError("its log is none that the trusted root knows")
    about(entry, record)
    if entry.promise is not None:
        _promise(entry, log)
    if entry.proof is not None:
        _inclusion(entry.body, entry.proof)
        _checkpoint(entry.proof, log, named=(entry.kind, entry.version) == _TILES)
        if entry.promise is None and entry.index != entry.proof.index:
            raise ValueError("its log entry has two indexes")
    elif not promised:
        raise ValueError("its log entry has no proof of inclusion")
    elif entry.promise is None:
        raise ValueError("its log entry has neither a proof of inclusion nor a promise")
    time = entry.time if entry.promise is not None else None
    return Held(log.url, entry.index, time, log.span)


def about(entry: Entry, record: Record) -> None:
    """Make sure that the entry is about ``record``; ValueError if it is about something else."""
    body = strictjson.load_object(entry.body)
    if (body.get("kind"), body.get("apiVersion")) != (entry.kind, entry.version):
        raise ValueError("its log entry is of another kind than it says")
    spec = body.get("spec")
    match = _KINDS.get((entry.kind, entry.version))
    if match is None:
        raise ValueError(f"its log entry is of the kind {entry.kind!a} {entry.version!a}")
    try:
        same = match(spec, record)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"its log entry is no {entry.kind}") from error
    if not same:
        raise ValueError("its log entry is about another signature or another key")


def _hashedrekord(spec: Any, record: Record) -> bool:  # noqa: ANN401 - decoded JSON
    signature = spec["signature"]
    return (
        spec["data"]["hash"] == _sha256(record.signed)
        and decode64(signature["content"]) == record.signature
        and _der(decode64(signature["publicKey"]["content"])) == record.verifier
    )


def _hashedrekord2(spec: Any, record: Record) -> bool:  # noqa: ANN401 - as above
    inner = spec["hashedRekordV002"]
    data, signature = inner["data"], inner["signature"]
    verifier = signature["verifier"]
    kinds = {"x509Certificate", "publicKey"} & set(verifier)
    return (
        data["algorithm"] == "SHA2_256"
        and decode64(data["digest"]) == hashlib.sha256(record.signed).digest()
        and decode64(signature["content"]) == record.signature
        and len(kinds) == 1
        and decode64(verifier[kinds.pop()]["rawBytes"]) == record.verifier
    )


def _dsse(spec: Any, record: Record) -> bool:  # noqa: ANN401 - as above
    (signature,) = spec["signatures"]
    return (
        record.envelope is not None
        and spec["payloadHash"] == _sha256(record.envelope.payload)
        and (record.text is None or spec["envelopeHash"] == _sha256(record.text))
        and decode64(signature["signature"]) == record.signature
        and _der(decode64(signature["verifier"])) == record.verifier
    )


def _intoto2(spec: Any, record: Record) -> bool:  # noqa: ANN401 - as above
    """Compare with intoto 0.0.2, whose signature is in base64 twice."""
    content = spec["content"]
    envelope = content["envelope"]
    (signature,) = envelope["signatures"]
    return (
        record.envelope is not None
        and envelope["payloadType"] == record.envelope.payload_type
        and content["payloadHash"] == _sha256(record.envelope.payload)
        and (record.text is None or content["hash"] == _sha256(record.text))
        and decode64(decode64(signature["sig"]).decode()) == record.signature
        and _der(decode64(signature["publicKey"])) == record.verifier
    )


def _intoto1(spec: Any, record: Record) -> bool:  # noqa: ANN401 - as above
    """Compare with intoto 0.0.1, which names no signature but the hash of the whole envelope."""
    content = spec["content"]
    return (
        record.envelope is not None
        and record.text is not None
        and content["hash"] == _sha256(record.text)
        and content.get("payloadHash") in (None, _sha256(record.envelope.payload))
        and _der(decode64(spec["publicKey"])) == record.verifier
    )


_KINDS = {
    ("hashedrekord", "0.0.1"): _hashedrekord,
    _TILES: _hashedrekord2,
    ("dsse", "0.0.1"): _dsse,
    ("intoto", "0.0.1"): _intoto1,
    ("intoto", "0.0.2"): _intoto2,
}


def _promise(entry: Entry, log: Log) -> None:
    said = {
        "body": _b64(entry.body),
        "integratedTime": entry.time,
        "logID": entry.log.hex(),
        "logIndex": entry.index,
    }
    data = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    if entry.promise is None or not log.verify(entry.promise, data):
        raise ValueError("its log entry's promise is not by the log")
    if not log.span.holds(dt.datetime.fromtimestamp(entry.time, dt.UTC)):
        raise ValueError("its log entry is of a time at which the log's key does not count")


def _inclusion(body: bytes, proof: Inclusion) -> None:
    """Climb from the leaf to the root (RFC 9162, section 2.1.3.2)."""
    if proof.index >= proof.size:
        raise ValueError("its log entry lies outside the log")
    node, last = proof.index, proof.size - 1
    found = hashlib.sha256(b"\0" + body).digest()
    for each in proof.hashes:
        if last == 0:
            raise ValueError("its proof of inclusion is too long")
        if node & 1 or node == last:
            found = hashlib.sha256(b"\1" + each + found).digest()
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\1" + found + each).digest()
        node, last = node >> 1, last >> 1
    if last != 0 or found != proof.root:
        raise ValueError("its proof of inclusion does not lead to the log's root")


def _checkpoint(proof: Inclusion, log: Log, *, named: bool) -> None:
    """Demand the log's signature over the tree's size and root.

    ``named``: the log is called by its host there, as those of version 2 are. Those of version 1
    call themselves what their operator likes, with the tree's number behind it.
    """
    text, found, marks = proof.checkpoint.rpartition("\n\n")
    lines, signatures = text.split("\n"), marks.split("\n")
    if not found or "" in lines or len(lines) < 3 or signatures.pop() != "":  # noqa: PLR2004
        raise ValueError("its checkpoint is malformed")
    origin, size, root, *_ = lines
    if not SIZE.fullmatch(size) or int(size) != proof.size or decode64(root) != proof.root:
        raise ValueError("its checkpoint is of another tree than its proof of inclusion")
    for line in signatures:
        mark = _SIGNATURE.fullmatch(line)
        if mark is None:
            raise ValueError("its checkpoint is malformed")
        name, value = mark[1], decode64(mark[2])
        if value[:4] != log.identifier[:4]:
            continue
        known = name == origin == urlsplit(log.url).hostname if named else True
        if known and origin.startswith(name) and log.verify(value[4:], f"{text}\n".encode()):
            return
    raise ValueError("its checkpoint is not signed by the log")


def _der(pem: bytes) -> bytes:
    """Return what one PEM block holds; ValueError if it is none."""
    matched = re.fullmatch(
        rb"\s*-----BEGIN ([A-Z ]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----\s*", pem
    )
    if matched is None:
        raise ValueError("its log entry names no certificate or key")
    return base64.b64decode(b"".join(matched[2].split()), validate=True)


def _sha256(data: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
