"""A Sigstore's services without HTTP, on a Sigstore in memory, and tokens that nobody issued."""

from __future__ import annotations

import base64
import datetime as dt
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from cryptography import x509
from madesigstore import Sigstore, hashedrekord2, pae, pem, timestamp

from imgforge.signing.dsse import Envelope
from imgforge.signing.identity_token import Token, read
from imgforge.signing.services import Services, Verifier
from imgforge.signing.trust import Log, Trust


def jwt(**claims: object) -> str:
    """Return a token that holds for ten minutes, with ``claims`` instead of its own."""
    now = int(time.time())
    whole = {"aud": "sigstore", "iss": "https://issuer.test", "sub": "dev", "exp": now + 600}
    parts = [{"alg": "none"}, {**whole, **claims}, "signature"]
    return ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts
    )


@dataclass
class MadeServices:
    """What :class:`imgforge.signing.services.Services` is, and what it was asked."""

    sigstore: Sigstore = field(default_factory=Sigstore)
    start: dt.timedelta = dt.timedelta(minutes=-1)
    certificates: list[str] = field(default_factory=list)
    entries: int = 0
    stamps: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    instead: dict[str, Any] = field(default_factory=dict)
    """Fields of a certificate that are not as they should be."""

    def certificate(self, fulcio: str, request: bytes, token: str) -> list[bytes]:
        assert fulcio == "https://fulcio.test"
        asked = x509.load_pem_x509_csr(request)
        assert asked.is_signature_valid
        with self.lock:
            self.certificates.append(token)
        key: Any = SimpleNamespace(public_key=asked.public_key)
        start = dt.datetime.now(dt.UTC) + self.start
        made = self.sigstore.certificate(
            self.instead.get("key", key),
            start=start,
            **{k: v for k, v in self.instead.items() if k != "key"},
        )
        return [pem(made)]

    def entry(self, log: Log, envelope: Envelope, verifier: Verifier) -> dict[str, Any]:
        assert log.version == 2
        with self.lock:
            self.entries += 1
        body = hashedrekord2(pae(envelope.payload), envelope.signature, verifier.der)
        return self.sigstore.tiles.entry(body)

    def timestamp(self, authority: str, signature: bytes) -> bytes:
        assert authority == "https://tsa.test"
        with self.lock:
            self.stamps += 1
        return timestamp(self.sigstore.tsa, signature, dt.datetime.now(dt.UTC))

    @property
    def real(self) -> Services:
        """The same, as the type that is expected."""
        return cast("Services", self)

    def trust(self, **instead: Any) -> Trust:  # noqa: ANN401 - fields of Trust
        whole: Mapping[str, Any] = {
            "root": self.sigstore.root(),
            "fulcio": "https://fulcio.test",
            "issuer": "https://issuer.test",
            "log": Log("https://tiles.test", 2),
            "timestamps": ("https://tsa.test",),
            **instead,
        }
        return Trust(**whole)


def token(**claims: object) -> Token:
    return read(jwt(**claims), "the test's token")
