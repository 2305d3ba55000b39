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
from cryptography.hazmat.primitives.serialization import Encoding
from madesigstore import Sigstore, hashedrekord2, pae, pem, timestamp
from sigstore.models import ClientTrustConfig

from imgforge.signing.dsse import Envelope
from imgforge.signing.identity_token import Token, read
from imgforge.signing.services import Services, Verifier
from imgforge.signing.trust import Log, Trust


def jwt(**claims: object) -> str:
    """Return a token that holds for ten minutes, with ``claims`` instead of its own."""
    now = int(time.time())
    who = {"aud": "sigstore", "iss": "https://issuer.test", "sub": "dev"}
    whole = {**who, "iat": now, "exp": now + 600}
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

    def post(
        self, place: str, url: str, body: bytes, headers: Mapping[str, str], **_: object
    ) -> bytes:
        """Answer what sigstore-python asks, as it wants to read it."""
        value = json.loads(body)
        if url == "https://fulcio.test/api/v2/signingCert":
            assert place == "the certificate authority fulcio.test"
            return json.dumps(self.certificate(value, headers["Authorization"])).encode()
        assert url == "https://tiles.test/api/v2/log/entries"
        return json.dumps(self.certified(value["hashedRekordRequestV002"])).encode()

    def certificate(self, value: Mapping[str, str], authorization: str) -> dict[str, Any]:
        asked = x509.load_pem_x509_csr(base64.b64decode(value["certificateSigningRequest"]))
        assert asked.is_signature_valid
        with self.lock:
            self.certificates.append(authorization.removeprefix("Bearer "))
        key: Any = SimpleNamespace(public_key=asked.public_key)
        start = dt.datetime.now(dt.UTC) + self.start
        made = self.sigstore.certificate(
            self.instead.get("key", key),
            start=start,
            **{k: v for k, v in self.instead.items() if k != "key"},
        )
        chain = [made, self.sigstore.fulcio.certificate.public_bytes(Encoding.DER)]
        texts = [pem(each).decode() for each in chain]
        return {"signedCertificateEmbeddedSct": {"chain": {"certificates": texts}}}

    def certified(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the entry of what a certificate's key signed."""
        with self.lock:
            self.entries += 1
        signature = request["signature"]
        return self.sigstore.tiles.entry(
            hashedrekord2(
                b"",
                base64.b64decode(signature["content"]),
                base64.b64decode(signature["verifier"]["x509Certificate"]["rawBytes"]),
                digest=base64.b64decode(request["digest"]),
            )
        )

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

    def config(self, root: bytes | None = None) -> dict[str, Any]:
        """Return the trust configuration, with another ``root`` than its own if one is given."""

        def service(url: str, version: int = 1) -> list[dict[str, object]]:
            start = {"start": "2020-01-01T00:00:00Z"}
            return [{"url": url, "majorApiVersion": version, "validFor": start, "operator": "x"}]

        return {
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": json.loads(root or self.sigstore.root()),
            "signingConfig": {
                "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
                "caUrls": service("https://fulcio.test"),
                "oidcUrls": service("https://issuer.test"),
                "rekorTlogUrls": service("https://tiles.test", 2),
                "rekorTlogConfig": {"selector": "ANY"},
                "tsaUrls": service("https://tsa.test"),
                "tsaConfig": {"selector": "ANY"},
            },
        }

    def trust(self, **instead: Any) -> Trust:  # noqa: ANN401 - fields of Trust
        whole: Mapping[str, Any] = {
            "root": self.sigstore.root(),
            "config": ClientTrustConfig.from_json(json.dumps(self.config())),
            "issuer": "https://issuer.test",
            "log": Log("https://tiles.test", 2),
            "timestamps": ("https://tsa.test",),
            **instead,
        }
        return Trust(**whole)


def token(**claims: object) -> Token:
    return read(jwt(**claims), "the test's token")
