"""HTTP to one registry: what is retried, where credentials go, how much is read.

Credentials are sent to the registry's own origin and to its token server, never along a redirect
or an upload's ``Location`` to another host; a client certificate is shown to the place it is meant
for, and cookies are not kept. Bodies are taken as sent (no content decoding), and never more of
them than the caller named.
"""

from __future__ import annotations

import math
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

from imgforge import proxy, strictjson
from imgforge.errors import RegistryError, TransientError
from imgforge.oci import certificates
from imgforge.oci.authorization import Authorization, Login, TokenRequest, login_hint
from imgforge.oci.origin import (
    INSECURE,
    is_loopback,
    is_near,
    may_be_plain,
    same_origin,
    shown,
    speaks_tls,
    tls_context,
)
from imgforge.oci.reference import DOCKER, Reference
from imgforge.oci.types import MAX_MANIFEST

if TYPE_CHECKING:
    import ssl

    import httpx

T = TypeVar("T")

ATTEMPTS = 5
WORTH = 1 << 20
"""Bytes; a transfer that came further by as many begins to count its attempts anew."""
MAX_WAIT = 30.0
"""Seconds; a longer ``Retry-After`` is cut to this."""
_FIRST_WAIT = 0.2
_HOPS, _LOGINS = 5, 3
_CONNECT, _READ = 10.0, 60.0
_GRACE, _SLOWEST = 120.0, 16 << 10
"""An answer may take ``_GRACE`` seconds and one more for every ``_SLOWEST`` bytes."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_HUB_HOST = "registry-1.docker.io"
_CUT = re.compile("disconnected|closed connection|incomplete")
_REFUSED = re.compile(
    "ALERT_(?:CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE|CERTIFICATE)"
)
"""Alerts of a server that demands a client certificate, or another one (RFC 8446, section 6.2)."""

Body = bytes | Callable[[], Iterable[bytes]]
"""Bytes, or what gives them piece by piece, anew for each try (name their Content-Length)."""
Sink = Callable[[int, Mapping[str, str]], Callable[[bytes], None]]
"""Is told an accepted answer's status and headers (lower case); returns what takes its pieces."""


class MissingError(RegistryError):
    """A registry answers, and has not what it was asked for: another one may have it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: ``headers`` with lower-case names, ``url`` where it came from in the end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


@dataclass(frozen=True, slots=True)
class _Request:
    """One exchange to be had; the fields are :meth:`Transport.once`'s arguments."""

    method: str
    headers: Mapping[str, str]
    body: Body | None = None
    limit: int = MAX_MANIFEST
    sink: Sink | None = None
    accept: tuple[int, ...] = ()
    patience: float = _READ


class Again(Exception):  # noqa: N818 - not an error until the attempts are used up
    """An exchange failed in a way that may pass; ``after`` is the wait asked for, in seconds."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class StoppedError(Exception):
    """An exchange ended because another one, of the same work, had failed."""


class Transport:
    """Connections to the registry of one reference; close it (or use ``with``).

    Setting ``stopped`` ends exchanges of other threads at their next piece. ``until`` is the moment
    (:func:`time.monotonic`) after which nothing is asked or read any more: TransientError.
    """

    def __init__(
        self, reference: Reference, *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        import httpx

        self.reference = reference
        self.stopped = threading.Event()
        self.until = math.inf
        self._pause = pause
        host = _HUB_HOST if reference.registry == DOCKER else reference.registry
        self.plain = may_be_plain(host) and not speaks_tls(host)
        self.base = httpx.URL(f"{'http' if self.plain else 'https'}://{host}")
        self._lock = threading.Lock()
        self._clients: dict[str, httpx.Client] = {}
        self._places: dict[str, str] = {}
        self._authorization = Authorization(reference, self._ask_token, self._may_log_in)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()

    def pause(self, seconds: float) -> None:
        """Wait, but not on if the work was stopped."""
        if self._pause is time.sleep:
            self.stopped.wait(seconds)
        else:
            self._pause(seconds)

    def also(self, scope: str) -> None:
        """Ask the token server for ``scope``, too, from now on."""
        self._authorization.also(scope)

    def retry(self, attempt: Callable[[], T], advanced: Callable[[], int] = lambda: 0) -> T:
        """Call ``attempt`` until it raises no :class:`Again`; TransientError after five times.

        They are counted anew each time that ``advanced`` (a number of bytes) is up by ``WORTH``.
        """
        failed, before = 0, 0
        while True:
            try:
                return attempt()
            except Again as again:
                if advanced() - before >= WORTH:
                    failed, before = 0, advanced()
                failed += 1
                if failed == ATTEMPTS:
                    raise TransientError(
                        f"{self.reference.registry} failed {ATTEMPTS} times, at last: {again}",
                        hint="run the same command again later, if that is the registry you mean",
                    ) from again
                wait = _FIRST_WAIT * 2 ** (failed - 1) * random.uniform(0.75, 1.25)  # noqa: S311 - jitter
                wait = min(wait if again.after is None else again.after, MAX_WAIT)
                self.pause(min(wait, max(self._left(), 0.0)))

    def _left(self) -> float:
        return self.until - time.monotonic()

    def _in_time(self) -> None:
        if self._left() <= 0:
            raise TransientError(
                f"{self.reference.registry} is too slow: the time for all that is asked of it "
                "has run out",
                hint="run the same command again later",
            )

    def call(
        self,
        method: str,
        path: str,
        *,
        accept: tuple[int, ...] = (200,),
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limit: int = MAX_MANIFEST,
    ) -> Answer:
        """Exchange once, and again as :meth:`retry` says; arguments as for :meth:`once`."""
        return self.retry(
            lambda: self.once(
                method,
                path,
                accept=accept,
                headers=headers,
                body=body,
                limit=limit,
            )
        )

    def once(
        self,
        method: str,
        path: str,
        *,
        accept: tuple[int, ...] = (200,),
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        limit: int = MAX_MANIFEST,
        sink: Sink | None = None,
        patience: float = _READ,
    ) -> Answer:
        """Send one request, with log-in and redirects, and return an answer of status ``accept``.

        ``path`` may be a URL that the registry gave. Of the answer at most ``limit`` bytes are
        kept, or given to what ``sink`` returns if the status is accepted. ``patience``: seconds of
        silence. Raises Again, or RegistryError naming registry, method and place.
        """
        target = self.join(path)
        asked = _Request(method, headers or {}, body, limit, sink, accept, patience)
        login = Login.SHARED
        for _ in range(_HOPS + _LOGINS):
            ours = same_origin(target, self.base)
            header = self._authorization.header if ours else None
            answer, challenges = self._exchange(asked, target, header)
            if answer.status == 401 and ours and login is Login.SHARED:  # noqa: PLR2004 - Unauthorized
                login = self._authorization.answer(challenges, header)
                if login is not Login.NONE:
                    continue
            elif answer.status in _REDIRECTS and "location" in answer.headers:
                target = self._redirected(method, target, answer)
                continue
            if answer.status in accept:
                return answer
            if answer.status in _TRANSIENT:
                reason = f"{method} {shown(target)}: status {answer.status}"
                raise Again(reason, _retry_after(answer.headers.get("retry-after")))
            raise self._refusal(method, target, answer)
        raise RegistryError(f"{self.reference.registry}: {method} {path} is redirected for ever")

    def join(self, path: str, page: str = "") -> httpx.URL:
        """Return ``path`` (a path or a URL the registry gave) against ``page``, or its origin.

        RegistryError if it leads where nothing of ours may go.
        """
        return self._joined(self.base.join(page), path)

    def _joined(self, base: httpx.URL, location: str) -> httpx.URL:
        import httpx

        try:
            target = base.join(location)
        except (httpx.InvalidURL, ValueError) as error:
            raise RegistryError(
                f"{self.reference.registry} names a malformed place: {location[:200]!a}"
            ) from error
        if target.scheme not in ("http", "https") or not target.host or target.userinfo:
            raise RegistryError(
                f"{self.reference.registry} names an unusable place: {location[:200]!a}"
            )
        if target.scheme == "http" and not self._may_be_plain(target):
            raise RegistryError(
                f"{self.reference.registry} leads to {shown(target)}, which is not encrypted"
            )
        if (
            is_near(target.host)
            and not is_loopback(self.base.host)
            and target.host != self.base.host
        ):
            raise RegistryError(
                f"{self.reference.registry} leads to {shown(target)}, which only this machine has"
            )
        return target

    def _client(self, url: httpx.URL) -> httpx.Client:
        """Return the client for a place: its own if it has certificates, else one of two."""
        origin = str(url.copy_with(path="/", query=None, fragment=None))
        with self._lock:
            if origin not in self._places:
                place = url.netloc.decode()
                place = DOCKER if place == _HUB_HOST else place
                own = certificates.find(place) if url.scheme == "https" else None
                direct = is_loopback(url.host)
                name = place if own is not None else f"direct: {direct}"
                if name not in self._clients:
                    context = tls_context() if own is None else certificates.context(own)
                    self._clients[name] = _connect(context, direct=direct)
                self._places[origin] = name
            return self._clients[self._places[origin]]

    def _may_be_plain(self, url: httpx.URL) -> bool:
        return self.plain and may_be_plain(url.netloc.decode())

    def _may_log_in(self, realm: str) -> bool:
        import httpx

        try:
            url = httpx.URL(realm)
        except (httpx.InvalidURL, TypeError, ValueError):
            return False
        if not url.host or url.userinfo:
            return False
        return url.scheme == "https" or (url.scheme == "http" and self._may_be_plain(url))

    def _redirected(self, method: str, target: httpx.URL, answer: Answer) -> httpx.URL:
        new = self._joined(target, answer.headers["location"])
        reading = method in ("GET", "HEAD")
        kept = answer.status in (307, 308) and same_origin(new, target)
        if not reading and not kept:
            raise RegistryError(
                f"{self.reference.registry}: {method} {shown(target)} is redirected "
                f"to {shown(new)}, where nothing is sent"
            )
        return new

    def _exchange(
        self, asked: _Request, target: httpx.URL, authorization: str | None
    ) -> tuple[Answer, list[str]]:
        import httpx

        self._in_time()
        patience = min(asked.patience, max(self._left(), 0.001))
        sent = dict(asked.headers)
        if authorization is not None:
            sent["Authorization"] = authorization
        place = f"{asked.method} {shown(target)}"
        client = self._client(target)
        try:
            request = client.build_request(
                asked.method,
                target,
                headers=sent,
                content=self._sent(asked.body),
                timeout=httpx.Timeout(_READ, connect=min(_CONNECT, patience), read=patience),
            )
            response = client.send(request, stream=True)
            try:
                answer = self._received(asked, response, place)
            finally:
                response.close()
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
            raise RegistryError(f"{self.reference.registry}: {place}: {error}") from error
        except httpx.InvalidURL as error:
            # httpx reads a Location although it was told not to follow it.
            raise self._malformed(place, error) from error
        except httpx.TransportError as error:
            if "location header" in str(error):
                raise self._malformed(place, error) from error
            if isinstance(error, httpx.RemoteProtocolError) and not _CUT.search(str(error)):
                raise RegistryError(
                    f"{self.reference.registry}: {place} is not answered in HTTP: "
                    f"{str(error)[:200]!a}"
                ) from error
            self._explain_tls(target, error)
            raise Again(f"{place}: {str(error) or type(error).__name__}") from error
        return answer, response.headers.get_list("www-authenticate")

    def _received(self, asked: _Request, response: httpx.Response, place: str) -> Answer:
        started = time.monotonic()
        headers = {name.lower(): value for name, value in response.headers.items()}
        kept: list[bytes] = []
        take: Callable[[bytes], None] = kept.append
        if asked.sink is not None and response.status_code in asked.accept:
            take = asked.sink(response.status_code, headers)
        count = 0
        for chunk in response.iter_raw():
            if self.stopped.is_set():
                raise StoppedError(place)
            self._in_time()
            count += len(chunk)
            if count > asked.limit:
                raise RegistryError(
                    f"{self.reference.registry}: {place} gives over {asked.limit} bytes"
                )
            if time.monotonic() - started > _GRACE + count / _SLOWEST:
                raise Again(f"{place} answers too slowly")
            take(chunk)
        return Answer(response.status_code, headers, b"".join(kept), str(response.request.url))

    def _sent(self, body: Body | None) -> bytes | Iterator[bytes] | None:
        return self._until_stopped(body()) if callable(body) else body

    def _until_stopped(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            if self.stopped.is_set():
                raise StoppedError
            yield piece

    def _malformed(self, place: str, error: Exception) -> RegistryError:
        return RegistryError(
            f"{self.reference.registry}: {place} leads to a malformed place: {str(error)[:200]!a}"
        )

    def _explain_tls(self, url: httpx.URL, error: httpx.TransportError) -> None:
        text, place = str(error), url.netloc.decode()
        if "CERTIFICATE_VERIFY_FAILED" in text:
            raise RegistryError(
                f"the certificate of {place} is not trusted: {text}",
                hint=f"name a file with its authority as ca in [registry.tls.{place!a}] of the "
                "settings, or in SSL_CERT_FILE",
            ) from error
        if _REFUSED.search(text):
            raise RegistryError(
                f"{place} does not accept this client's certificate, or its want: {text}",
                hint=f"name certificate and key in [registry.tls.{place!a}] of the settings, "
                f"or put them into /etc/containers/certs.d/{place}",
            ) from error
        if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER_FAILURE" in text:
            raise RegistryError(
                f"{place} does not speak TLS",
                hint=f"if that is meant, list {place} as insecure in [registry] of the settings, "
                f"or in {INSECURE}",
            ) from error

    def _ask_token(self, asked: TokenRequest) -> tuple[int, bytes]:
        from urllib.parse import urlencode

        headers = {} if asked.basic is None else {"Authorization": asked.basic}
        url = self._joined(self.base, asked.url)
        body: Body | None = None
        if asked.form is None:
            url = url.copy_merge_params(asked.query)
        else:
            body = urlencode(asked.form).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        method = "GET" if asked.form is None else "POST"

        def attempt() -> tuple[int, bytes]:
            answer, _ = self._exchange(_Request(method, headers, body), url, None)
            if answer.status in _TRANSIENT:
                raise Again(
                    f"{method} {shown(url)}: status {answer.status}",
                    _retry_after(answer.headers.get("retry-after")),
                )
            return answer.status, answer.body

        return self.retry(attempt)

    def _refusal(self, method: str, target: httpx.URL, answer: Answer) -> RegistryError:
        hint = None
        if answer.status in (401, 403):
            hint = login_hint(self.reference)
        kind = MissingError if answer.status == 404 else RegistryError  # noqa: PLR2004 - Not Found
        return kind(
            f"{self.reference.registry} refused {method} {shown(target)}: status {answer.status}",
            details=_reasons(answer.body),
            hint=hint,
        )


def _connect(context: ssl.SSLContext, *, direct: bool) -> httpx.Client:
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    import httpx

    return httpx.Client(
        verify=context,
        mounts={} if direct else proxy.mounts(context),
        trust_env=not direct,
        headers={"User-Agent": "imgforge", "Accept-Encoding": "identity"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


def _retry_after(value: str | None) -> float | None:
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), MAX_WAIT)
    try:
        wait = parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(wait, 0.0), MAX_WAIT)


def _reasons(body: bytes) -> list[str]:
    """Return the errors of a distribution-spec error body, made harmless to print."""
    try:
        errors = strictjson.load_object(body[: 64 << 10]).get("errors")
    except ValueError:
        return []
    if not isinstance(errors, list):
        return []
    texts = [f"{e.get('code')}: {e.get('message')}" for e in errors[:8] if isinstance(e, dict)]
    return ["".join(c if c.isprintable() else " " for c in text[:300]) for text in texts]
