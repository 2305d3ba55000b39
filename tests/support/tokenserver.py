"""A token server whose word docker-registry takes.

Sources: distribution, ``docs/spec/auth/token.md``, ``jwt.md`` and ``oauth.md``.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from fakeregistry import FakeRegistry, Reply, Seen, serve

_LEEWAY = 60
"""Seconds that docker-registry takes a token after its end."""
_IDS = itertools.count()


@dataclass
class TokenServer:
    """Gives tokens for ``lifetime`` seconds to whoever has ``basic`` or ``identity``.

    ``allows`` says whether a repository may be used; ``scopes`` is what was asked for, each time.
    """

    folder: Path
    basic: str
    identity: str
    lifetime: float = 300
    allows: Callable[[str], bool] = lambda _: True
    scopes: list[list[str]] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    place: str = ""

    @property
    def auth(self) -> dict[str, object]:
        """The section of docker-registry's configuration."""
        return {
            "token": {
                "realm": f"https://{self.place}/token",
                "service": "tests",
                "issuer": "tests",
                "rootcertbundle": "/secured/server.pem",
            }
        }

    def answer(self, seen: Seen) -> Reply:
        self.seen.append(seen)
        posted = seen.method == "POST"
        asked = parse_qs(seen.body.decode() if posted else urlsplit(seen.path).query)
        known = (
            asked.get("refresh_token") == [self.identity]
            if posted
            else seen.headers.get("authorization") == f"Basic {self.basic}"
        )
        if not known or asked.get("service") != ["tests"]:
            return Reply(401)
        scopes = [scope for text in asked.get("scope", []) for scope in text.split()]
        self.scopes.append(scopes)
        token = self._token([access for scope in scopes if (access := self._granted(scope))])
        name = "access_token" if posted else "token"
        return Reply(200, {"Content-Type": "application/json"}, json.dumps({name: token}).encode())

    def _granted(self, scope: str) -> dict[str, object] | None:
        kind, name, actions = scope.split(":")
        return (
            {"type": kind, "name": name, "actions": actions.split(",")}
            if self.allows(name)
            else None
        )

    def _token(self, access: list[dict[str, object]]) -> str:
        certificate = x509.load_pem_x509_certificate((self.folder / "server.pem").read_bytes())
        key = serialization.load_pem_private_key((self.folder / "server.key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        der = certificate.public_bytes(serialization.Encoding.DER)
        now = int(time.time())
        claims = {
            "iss": "tests",
            "sub": "us",
            "aud": "tests",
            "jti": str(next(_IDS)),
            "iat": now - 120,
            "nbf": now - 120,
            "exp": now + int(self.lifetime) - _LEEWAY,
            "access": access,
        }
        head = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(der).decode()]}
        text = f"{_url64(json.dumps(head).encode())}.{_url64(json.dumps(claims).encode())}"
        r, s = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{_url64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


@contextlib.contextmanager
def served(server: TokenServer) -> Iterator[TokenServer]:
    """Serve over TLS, with the certificate that :func:`authority.make` wrote into its folder."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.folder / "server.pem", server.folder / "server.key")
    with serve(FakeRegistry(fault=server.answer), context) as fake:
        server.place = fake.place
        yield server


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
