"""A Rekor log (v1) of one entry on loopback, as signatures made before bundles refer to it.

Sources: github.com/sigstore/rekor, ``openapi.yaml`` and ``pkg/util/checkpoint.go``; RFC 6962.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

INDEX = 7
_ORIGIN = "log.test - 1"


@dataclass
class Log:
    """The one entry, at :data:`INDEX`; ``change`` may spoil the answer."""

    payload: bytes
    signature: bytes
    certificate: str
    time: int
    url: str = ""
    asked: list[str] = field(default_factory=list)
    change: Callable[[dict[str, Any]], object] = lambda _: None
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def public(self) -> bytes:
        """The log's SubjectPublicKeyInfo."""
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def identifier(self) -> bytes:
        """What the log is called in its entries."""
        return hashlib.sha256(self.public).digest()

    def instance(self) -> dict[str, Any]:
        """Return the log as a trusted root lists it."""
        return {
            "baseUrl": self.url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": base64.b64encode(self.public).decode(),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": {"start": "2020-01-01T00:00:00Z"},
            },
            "logId": {"keyId": base64.b64encode(self.identifier).decode()},
        }

    def kept(self) -> str:
        """Return what cosign keeps of the entry beside a signature."""
        return json.dumps(
            {"SignedEntryTimestamp": self._promise(), "Payload": self._entry()},
        )

    def answer(self) -> bytes:
        """Return what the log says of its entry."""
        body = base64.b64decode(self._body())
        leaf = hashlib.sha256(b"\0" + body).digest()
        note = f"{_ORIGIN}\n1\n{base64.b64encode(leaf).decode()}\n"
        mark = base64.b64encode(self.identifier[:4] + self._sign(note.encode())).decode()
        proof = {
            "logIndex": 0,
            "treeSize": 1,
            "rootHash": leaf.hex(),
            "hashes": [],
            "checkpoint": f"{note}\n\N{EM DASH} log.test {mark}\n",
        }
        verification = {"inclusionProof": proof, "signedEntryTimestamp": self._promise()}
        entry = {**self._entry(), "verification": verification}
        self.change(entry)
        return json.dumps({"24296fb24b8ad77a": entry}).encode()

    def _body(self) -> str:
        content = {
            "data": {
                "hash": {
                    "algorithm": "sha256",
                    "value": hashlib.sha256(self.payload).hexdigest(),
                }
            },
            "signature": {
                "content": base64.b64encode(self.signature).decode(),
                "publicKey": {"content": base64.b64encode(self.certificate.encode()).decode()},
            },
        }
        body = {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": content}
        return base64.b64encode(_canonical(body)).decode()

    def _entry(self) -> dict[str, Any]:
        return {
            "body": self._body(),
            "integratedTime": self.time,
            "logID": self.identifier.hex(),
            "logIndex": INDEX,
        }

    def _promise(self) -> str:
        return base64.b64encode(self._sign(_canonical(self._entry()))).decode()

    def _sign(self, data: bytes) -> bytes:
        return self.key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


@contextlib.contextmanager
def serve(log: Log) -> Iterator[Log]:
    """Serve the log on a free port of 127.0.0.1 until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            log.asked.append(self.path)
            known = self.path == f"/api/v1/log/entries?logIndex={INDEX}"
            data = log.answer() if known else b"{}"
            self.send_response(200 if known else 404)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        log.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield log
        finally:
            server.shutdown()
            thread.join()
