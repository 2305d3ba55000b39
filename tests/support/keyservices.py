"""Key services on loopback that sign for real, each as far as imgforge asks it.

Vault and Azure are scripted here over HTTP, Google's over gRPC with its own messages. What they
answer is out of their documentation.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

from imgforge.signing import key as keys

Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Answer = tuple[int, dict[str, str], dict[str, Any] | bytes]


def make(kind: str) -> Private:
    """Make a private key: ``EC`` or ``RSA``."""
    if kind == "EC":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, 2048)


def sign(key: Private, digest: bytes) -> bytes:
    """Sign a SHA-256 digest."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))
    return key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))


@dataclass
class Service:
    """What a service was asked, and what it answers before its script has a say."""

    key: Private
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    instead: Answer | None = None
    address: str = ""

    @property
    def pem(self) -> str:
        """The public half."""
        return keys.public(self.key).to_pem().decode()


@contextmanager
def serving(
    service: Service,
    script: Callable[[Service, str, str, dict[str, str], dict[str, Any]], Answer],
    context: ssl.SSLContext | None = None,
) -> Iterator[Service]:
    """Serve HTTP as ``script`` says: (service, method, path, headers, body) -> answer."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            said = json.loads(body) if body else {}
            headers = {name.lower(): value for name, value in self.headers.items()}
            service.asked.append((self.command, self.path, said))
            status, extra, answer = service.instead or script(
                service, self.command, self.path, headers, said
            )
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **extra}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _answer  # noqa: N815 - http.server's names

        def log_message(self, *_: Any) -> None:  # noqa: ANN401
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    scheme = "http" if context is None else "https"
    service.address = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()


def vault(
    service: Service, _method: str, path: str, headers: dict[str, str], said: dict[str, Any]
) -> Answer:
    """Answer as Vault's transit engine, mounted at ``transit``, with the key ``release`` v2."""
    if headers.get("x-vault-token") != "let-me":
        return 403, {}, {"errors": ["permission denied"]}
    if path == "/v1/transit/keys/release":
        made = {"1": {"public_key": "an older one"}, "2": {"public_key": service.pem}}
        return 200, {}, {"data": {"latest_version": 2, "keys": made}}
    if path == "/v1/transit/sign/release/sha2-256":
        assert said["prehashed"] is True
        assert said["key_version"] == 2
        signature = base64.b64encode(sign(service.key, base64.b64decode(said["input"]))).decode()
        return 200, {}, {"data": {"signature": f"vault:v2:{signature}"}}
    return 404, {}, {"errors": []}


def _url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _number(value: int) -> str:
    return _url(value.to_bytes((value.bit_length() + 7) // 8))


def azure(
    service: Service, _method: str, path: str, headers: dict[str, str], said: dict[str, Any]
) -> Answer:
    """Answer as Azure Key Vault with the key ``release`` of version ``v7``."""
    if headers.get("authorization") != "Bearer let-me":
        resource = 'Bearer authorization="https://login.example/t", resource="https://v.example"'
        return 401, {"WWW-Authenticate": resource}, {}
    kid = f"{service.address}/keys/release/v7"
    bare = path.partition("?")[0].rstrip("/")
    if bare in {"/keys/release", "/keys/release/v7"}:
        public = service.key.public_key().public_numbers()
        if isinstance(public, ec.EllipticCurvePublicNumbers):
            x, y = (_url(each.to_bytes(32)) for each in (public.x, public.y))
            jwk = {"kid": kid, "kty": "EC", "crv": "P-256", "x": x, "y": y}
        else:
            jwk = {"kid": kid, "kty": "RSA", "n": _number(public.n), "e": _number(public.e)}
        operations = {"key_ops": ["sign", "verify"]}
        return 200, {}, {"key": {**jwk, **operations}, "attributes": {"enabled": True}}
    if bare == "/keys/release/v7/sign":
        assert said["alg"] in {"ES256", "RS256"}
        value = said["value"] + "=" * (-len(said["value"]) % 4)
        signature = sign(service.key, base64.urlsafe_b64decode(value))
        if said["alg"] == "ES256":
            r, s = decode_dss_signature(signature)
            signature = r.to_bytes(32) + s.to_bytes(32)
        return 200, {}, {"kid": kid, "value": _url(signature)}
    return 404, {}, {"error": {"code": "KeyNotFound", "message": "no such key"}}


@contextmanager
def google(service: Service, algorithm: str) -> Iterator[Any]:
    """Serve Google's KeyManagementService over gRPC; yield a channel to it."""
    import grpc
    from google.cloud.kms_v1.types import resources
    from google.cloud.kms_v1.types import service as messages

    name = "projects/p/locations/l/keyRings/r/cryptoKeys/k"

    def listed(request: Any, context: Any) -> Any:  # noqa: ANN401 - its own messages
        service.asked.append(("list", request.parent, {"filter": request.filter}))
        if request.parent != name:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such key")
        versions = [
            resources.CryptoKeyVersion(name=f"{name}/cryptoKeyVersions/{n}") for n in (9, 10, 2)
        ]
        return messages.ListCryptoKeyVersionsResponse(crypto_key_versions=versions)

    def public(request: Any, context: Any) -> Any:  # noqa: ANN401 - its own messages
        service.asked.append(("public", request.name, {}))
        if service.instead is not None:
            context.abort(grpc.StatusCode.UNAVAILABLE, "later")
        return resources.PublicKey(pem=service.pem, algorithm=algorithm, name=request.name)

    def signed(request: Any, _: Any) -> Any:  # noqa: ANN401 - its own messages
        service.asked.append(("sign", request.name, {}))
        return messages.AsymmetricSignResponse(
            signature=sign(service.key, request.digest.sha256), name=request.name
        )

    def handler(answer: Any, asked: Any, told: Any) -> Any:  # noqa: ANN401 - grpc is not typed
        return grpc.unary_unary_rpc_method_handler(
            answer, request_deserializer=asked.deserialize, response_serializer=told.serialize
        )

    handlers = {
        "ListCryptoKeyVersions": handler(
            listed, messages.ListCryptoKeyVersionsRequest, messages.ListCryptoKeyVersionsResponse
        ),
        "GetPublicKey": handler(public, messages.GetPublicKeyRequest, resources.PublicKey),
        "AsymmetricSign": handler(
            signed, messages.AsymmetricSignRequest, messages.AsymmetricSignResponse
        ),
    }
    with futures.ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool)
        of = "google.cloud.kms.v1.KeyManagementService"
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(of, handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield channel
        finally:
            server.stop(None).wait()
