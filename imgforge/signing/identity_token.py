"""Identity tokens: who signs without a key, as an OpenID Connect issuer says it.

Nothing here is believed: Fulcio judges the token. It is read only to say early what is wrong with
it. A token is a secret: it is never printed, and no message quotes it.
"""

from __future__ import annotations

import base64
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from imgforge import strictjson
from imgforge.errors import EvidenceError, InvalidInputError, TransientError
from imgforge.oci.types import canonical_json, sha256

VARIABLE = "SIGSTORE_ID_TOKEN"
AUDIENCE = "sigstore"
MAX_TOKEN = 64 << 10
"""Bytes; GitHub's have two thousand."""
_LEAST = 5
"""Seconds for which a token must still hold to be worth sending."""
SKEW = 5
"""Seconds by which an issuer's clock may be ahead of ours."""
_LATEST = 253402300799
"""The last second of the year 9999."""
_PARTS = 3
"""Of a token: header, claims, signature (RFC 7515, section 7.1)."""
_WHO = ("iss", "sub", "email", "job_workflow_ref", "ci_config_ref_uri")
"""Claims out of which Fulcio makes the certificate's name, whatever the issuer."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token and what it claims; it is not yet known whether any of that is true."""

    text: str = field(repr=False)
    claims: dict[str, Any] = field(repr=False)

    @property
    def who(self) -> str:
        """Digest over the claims that say who this is: the same for every token of theirs."""
        return sha256(canonical_json({name: self.claims.get(name) for name in _WHO}))

    def __str__(self) -> str:
        named = self.claims.get("email") or self.claims.get("sub") or "nobody"
        shown = f"{named} of {self.claims.get('iss')}"[:300]
        return "".join(c if c.isprintable() else "?" for c in shown)


def without_asking(file: Path | None) -> Token | None:
    """Return the token of ``file``, the variable, or this machine's surroundings; None if none.

    Surroundings are those that sigstore knows: GitHub Actions, GitLab, Buildkite, CircleCI, Google.
    InvalidInputError for what is malformed, expired or for somebody else; EvidenceError with what
    to do if the surroundings refuse one, TransientError if they do not answer.
    """
    if file is not None:
        return read(_file(file), str(file))
    named = os.environ.get(VARIABLE)
    if named:
        return read(named, VARIABLE)
    found = _ambient()
    return None if found is None else read(found, "the token of this CI")


def ask(issued_by: Callable[[], str], say: Callable[[str], None]) -> Token:
    """Have a person log in with a browser; only on a terminal.

    ``issued_by`` returns the URL of who logs people in, or nothing; it is asked only then.

    InvalidInputError, saying what to do instead, where there is none. EvidenceError if the log-in
    fails.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()) or os.environ.get("CI"):
        raise InvalidInputError(
            "keyless signing needs an identity token, and there is none here",
            details=[
                f"neither --identity-token nor {VARIABLE} is given",
                "neither GitHub Actions, Buildkite, CircleCI, GitLab nor Google gives one here",
                "a browser is opened only on a terminal",
            ],
            hint="in GitHub Actions: permissions: {id-token: write}; in GitLab CI: id_tokens: "
            f"{{{VARIABLE}: {{aud: {AUDIENCE}}}}}",
        )
    issuer = issued_by()
    if not issuer:
        raise InvalidInputError("the trust configuration names nobody who could log you in")
    say(f"waiting for you to log in at {issuer}")
    from sigstore.oidc import Issuer

    try:
        with surroundings():
            return read(str(Issuer(issuer).identity_token()), "the log-in")
    except (InvalidInputError, KeyboardInterrupt):
        raise
    except Exception as error:  # the library's errors have no common root
        reason = _line(error)
        raise EvidenceError(f"nobody was logged in at {issuer}: {reason}") from error


def read(text: str, place: str) -> Token:
    """Look at a token; InvalidInputError naming ``place`` if no Fulcio would take it."""
    token = text.strip()
    parts = token.split(".")
    claims = _claims(parts[1]) if len(token) <= MAX_TOKEN and len(parts) == _PARTS else None
    if claims is None:
        raise InvalidInputError(f"{place} is no identity token (a JWT)")
    _judge(claims, place)
    return Token(token, claims)


def _claims(part: str) -> dict[str, Any] | None:
    """Return the claims in a token's middle; None, not an error that may quote it, if none."""
    try:
        return strictjson.load_object(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return None


def holds(token: Token) -> bool:
    """Whether a token may still be used; it may have become too old since it was read."""
    ends = token.claims.get("exp")
    return isinstance(ends, int | float) and ends >= time.time() + _LEAST


def _judge(claims: dict[str, Any], place: str) -> None:
    audience = claims.get("aud")
    meant = audience if isinstance(audience, list) else [audience]
    if AUDIENCE not in meant:
        raise InvalidInputError(
            f"{place} is a token for another audience: {_line(meant)[:100]}",
            hint=f"ask for one whose audience is {AUDIENCE}",
        )
    if not isinstance(claims.get("iss"), str) or not isinstance(claims.get("sub"), str):
        raise InvalidInputError(f"{place} is a token that names no issuer or subject")
    now, ends = time.time(), claims.get("exp")
    if not _is_moment(ends):
        raise InvalidInputError(f"{place} is a token without an end (exp)")
    if ends < now + _LEAST:
        raise InvalidInputError(
            f"{place} is a token that expired {max(0, int(now - ends))} s ago",
            hint="tokens hold for minutes: ask for a new one just before signing",
        )
    issued = claims.get("iat")
    if not _is_moment(issued):
        raise InvalidInputError(f"{place} is a token that does not say when it was issued (iat)")
    begins = claims.get("nbf", issued)
    if not _is_moment(begins) or max(begins, issued) > now + SKEW:
        raise InvalidInputError(
            f"{place} is a token that is not yet valid", hint="is this machine's clock right?"
        )


def _is_moment(value: object) -> TypeGuard[int | float]:
    """Whether a claim is a NumericDate (RFC 7519, section 2) of a time that calendars have."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LATEST


def _file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TOKEN + 1)
    except OSError as error:
        raise InvalidInputError(
            f"cannot read the identity token {path}: {error.strerror}"
        ) from error
    return data.decode("ascii", errors="replace")


def _ambient() -> str | None:
    # What sigstore.oidc.detect_credential calls, without loading the rest of sigstore.
    import id as ambient

    try:
        with surroundings():
            return ambient.detect_credential(AUDIENCE)
    except ambient.GitHubOidcPermissionCredentialError as error:
        raise EvidenceError(
            "this GitHub job may not have an identity token",
            hint="give the job `permissions: {id-token: write}`; pull requests from forks "
            "cannot have it",
        ) from error
    except ambient.AmbientCredentialError as error:
        refused = "malformed" in str(error).lower() or "mismatch" in str(error).lower()
        raise (EvidenceError if refused else TransientError)(
            f"this CI gives no identity token: {_line(error)}"
        ) from error
    except Exception as error:  # what its HTTP client raises has no common root
        raise TransientError(f"this CI gives no identity token: {_line(error)}") from error


@contextlib.contextmanager
def surroundings() -> Iterator[None]:
    """Let libraries on requests and urllib3 see the authorities and proxy that all else uses.

    requests looks at ``REQUESTS_CA_BUNDLE`` alone, urllib3 at ``SSL_CERT_FILE``, and neither at our
    settings.
    """
    from imgforge import settings

    proxy = settings.load().network.proxy
    authorities = os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE")
    wanted = {
        "SSL_CERT_FILE": authorities,
        "REQUESTS_CA_BUNDLE": authorities,
        "HTTP_PROXY": proxy,
        "HTTPS_PROXY": proxy,
    }
    added = {name: value for name, value in wanted.items() if value and name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _line(value: object) -> str:
    return " ".join(str(value).split())[:300]
