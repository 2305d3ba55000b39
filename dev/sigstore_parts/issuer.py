"""What a local Sigstore has of its own over HTTP: two issuers of identities, and promises to log.

GET  /token?email=...            a token of the issuer ``/`` (Fulcio's type: email)
GET  /gha?repository=o/r&...     a token of the issuer ``/gh`` (type: github-workflow), as a
                                 GitHub runner's ACTIONS_ID_TOKEN_REQUEST_URL answers
POST /ct/v1/add-pre-chain        RFC 6962, 4.2
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import ctlog
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_SECONDS = 600


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """Return a server on 127.0.0.1 that signs with the keys in ``folder``; not yet serving."""
    issuing, logging = _issuing(folder / "issuer.key"), _logging(folder / "ctlog.key")
    base = f"http://127.0.0.1:{port}"

    answers: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
        "/.well-known/openid-configuration": lambda _: _discovery(base, base),
        "/gh/.well-known/openid-configuration": lambda _: _discovery(f"{base}/gh", base),
        "/jwks": lambda _: {"keys": [_public(issuing)]},
        "/token": lambda query: {"value": _token(_person(base, query), issuing)},
        "/gha": lambda query: {"value": _token(_workflow(f"{base}/gh", query), issuing)},
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.path in answers:
                self._answer(answers[url.path](dict(parse_qsl(url.query))))
            else:
                self._answer({"error": "there is nothing here"}, 404)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path != "/ct/v1/add-pre-chain":
                self._answer({"error": "there is nothing here"}, 404)
                return
            try:
                chain = [base64.b64decode(each) for each in json.loads(body)["chain"]]
                self._answer(ctlog.promise(chain, logging))
            except (KeyError, TypeError, ValueError) as error:
                self._answer({"error": str(error)}, 400)

        def _answer(self, value: dict[str, Any], status: int = 200) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def _issuing(path: Path) -> rsa.RSAPrivateKey:
    key = load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def _logging(path: Path) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def _discovery(issuer: str, base: str) -> dict[str, Any]:
    """Return OpenID Connect Discovery 1.0's metadata; there is no log-in, tokens are for asking."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{base}/none",
        "token_endpoint": f"{base}/none",
        "jwks_uri": f"{base}/jwks",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }


def _public(key: rsa.RSAPrivateKey) -> dict[str, Any]:
    from jwt.algorithms import RSAAlgorithm

    found = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    return {**found, "kid": "1", "alg": "RS256", "use": "sig"}


def _token(claims: dict[str, Any], key: rsa.RSAPrivateKey) -> str:
    now = int(time.time())
    times = {"aud": "sigstore", "iat": now, "nbf": now, "exp": now + _SECONDS}
    return jwt.encode({**times, **claims}, key, "RS256", headers={"kid": "1"})


def _person(issuer: str, query: dict[str, str]) -> dict[str, Any]:
    email = query.get("email", "dev@example.com")
    return {"iss": issuer, "sub": email, "email": email, "email_verified": True}


def _workflow(issuer: str, query: dict[str, str]) -> dict[str, Any]:
    """Return the claims of GitHub's tokens for workflows; ``query`` names those that differ.

    See GitHub's "OpenID Connect reference", the claims of ``token.actions.githubusercontent.com``.
    """
    given = {key: value for key, value in query.items() if key not in {"audience", "api-version"}}
    repository = given.pop("repository", "acme/app")
    ref, commit = given.pop("ref", "refs/heads/main"), given.pop("sha", "0" * 40)
    path = given.pop("workflow_path", ".github/workflows/release.yml")
    workflow = f"{repository}/{path}@{ref}"
    return {
        "iss": issuer,
        "sub": f"repo:{repository}:ref:{ref}",
        "repository": repository,
        "ref": ref,
        "sha": commit,
        "job_workflow_ref": workflow,
        "job_workflow_sha": commit,
        "workflow_ref": workflow,
        "workflow_sha": commit,
        "workflow": "release",
        "event_name": "push",
        "runner_environment": "github-hosted",
        "repository_id": "1",
        "repository_owner": repository.split("/")[0],
        "repository_owner_id": "2",
        "repository_visibility": "public",
        "run_id": "3",
        "run_attempt": "1",
        **given,
    }
