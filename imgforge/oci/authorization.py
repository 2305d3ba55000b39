"""Answering a registry's 401: Basic, and Docker's token protocol.

Sources: RFC 7617; distribution, ``docs/spec/auth/token.md`` and ``oauth.md``.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from imgforge import strictjson
from imgforge.errors import RegistryError
from imgforge.oci import credentials
from imgforge.oci.reference import DOCKER, Reference

if TYPE_CHECKING:
    from imgforge.oci.credentials import Credentials

_PARAMETER = re.compile(r'([A-Za-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^",\s]+))')
_SCHEME = re.compile(r"(?:^|,\s*)(Bearer|Basic)(?=\s|,|$)", re.IGNORECASE)
_TOKEN = re.compile(r"[\x21-\x7e]{1,32768}")
_CLIENT = "imgforge"
_DENIED = (400, 401, 403)


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What to ask of a token server; ``form`` makes it a POST."""

    url: str
    query: tuple[tuple[str, str], ...]
    basic: str | None
    form: dict[str, str] | None


class Login(Enum):
    """What came of a challenge: nothing to offer, another thread's header, or a new one."""

    NONE = 0
    SHARED = 1
    MADE = 2


Ask = Callable[[TokenRequest], tuple[int, bytes]]


class Authorization:
    """The ``Authorization`` header for one repository, renewed when the registry asks.

    ``ask`` puts a request to the token server; ``allowed`` says whether a realm's URL may be
    given credentials. Safe to share between threads.
    """

    def __init__(self, reference: Reference, ask: Ask, allowed: Callable[[str], bool]) -> None:
        self._reference = reference
        self._ask = ask
        self._allowed = allowed
        self._lock = threading.Lock()
        self._scopes: dict[str, None] = {}
        self._further: dict[str, None] = {}
        self._covered: frozenset[tuple[str, str]] = frozenset()
        self._known = False
        self._credentials: Credentials | None = None
        self.header: str | None = None

    def also(self, scope: str) -> None:
        """Ask for ``scope``, too, if a token is asked for; do without it if that is refused."""
        with self._lock:
            if scope not in self._further:
                self._further[scope] = None
                if self._covered:
                    self.header = None

    def answer(self, challenges: Sequence[str], used: str | None) -> Login:
        """Make a new header for the challenges of a 401 that came on the header ``used``.

        RegistryError if the token server refuses or may not be trusted.
        """
        with self._lock:
            offered = _challenges(challenges)
            wanted = _rights(offered.get("bearer", {}).get("scope", "").split())
            # Another thread may have renewed it, for less than what this request needs.
            if self.header != used and (not self._covered or wanted <= self._covered):
                return Login.SHARED
            if not self._known:
                self._credentials = credentials.find(self._reference)
                self._known = True
            if "bearer" in offered:
                self.header = f"Bearer {self._token(offered['bearer'])}"
                return Login.MADE
            basic = self._basic()
            if "basic" in offered and basic is not None and basic != used:
                self.header = basic
                return Login.MADE
            return Login.NONE

    def _basic(self) -> str | None:
        known = self._credentials
        if known is None or not known.username or known.identity_token:
            return None
        return "Basic " + base64.b64encode(f"{known.username}:{known.password}".encode()).decode()

    def _token(self, parameters: dict[str, str]) -> str:
        realm = parameters.get("realm", "")
        if not self._allowed(realm):
            raise RegistryError(
                f"{self._reference.registry} sends us for a token to {realm!a}, "
                "which is neither https nor on this machine"
            )
        for scope in parameters.get("scope", "").split():
            self._scopes[scope] = None
        if not self._scopes:
            self._scopes[f"repository:{self._reference.repository}:pull"] = None
        service = parameters.get("service")
        status, body = self._ask(self._request(realm, service, self._further))
        if status in _DENIED and self._further:
            self._further = {}
            status, body = self._ask(self._request(realm, service, {}))
        place = urlsplit(realm).hostname
        if status != 200:  # noqa: PLR2004 - HTTP's OK
            raise RegistryError(
                f"{place} gave no token for {self._reference.name} (status {status})",
                hint=login_hint(self._reference),
            )
        try:
            value = strictjson.load_object(body)
        except ValueError as error:
            raise RegistryError(f"{place} answered with a malformed token: {error}") from error
        token = value.get("token") or value.get("access_token")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise RegistryError(f"{place} answered without a token")
        self._covered = _rights(self._scopes)
        return token

    def _request(
        self, realm: str, service: str | None, further: Mapping[str, None]
    ) -> TokenRequest:
        known = self._credentials
        scopes = [*self._scopes, *(scope for scope in further if scope not in self._scopes)]
        if known is not None and known.identity_token:
            form = {
                "grant_type": "refresh_token",
                "service": service or "",
                "client_id": _CLIENT,
                "scope": " ".join(scopes),
                "refresh_token": known.identity_token,
            }
            return TokenRequest(realm, (), None, form)
        query = [("service", service)] if service else []
        query += [("scope", scope) for scope in scopes]
        return TokenRequest(realm, tuple(query), self._basic(), None)


def _rights(scopes: Iterable[str]) -> frozenset[tuple[str, str]]:
    """Return what scopes (``type:name:action,action``) allow, each action by itself."""
    return frozenset(
        (name, action)
        for name, _, actions in (scope.rpartition(":") for scope in scopes)
        for action in actions.split(",")
    )


def login_hint(reference: Reference) -> str:
    """Say what to do when a registry wants other credentials, or any."""
    place = "" if reference.registry == DOCKER else f" {reference.registry}"
    return f"docker login{place} (as a user who may use {reference.repository})"


def _challenges(headers: Sequence[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for header in headers:
        starts = list(_SCHEME.finditer(header))
        ends = [s.start() for s in starts[1:]] + [len(header)]
        for start, end in zip(starts, ends, strict=True):
            pairs = _PARAMETER.findall(header[start.end() : end])
            found.setdefault(
                start[1].lower(), {k.lower(): quoted or bare for k, quoted, bare in pairs}
            )
    return found
