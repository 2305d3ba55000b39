"""sigstore-python's signing, with our HTTP beneath it.

The library asks Fulcio and the log; what it says to them is its own. How it reaches them is ours,
by the place that requests has for that (a transport adapter): time limits, retries, caps,
authorities and proxies are those of :class:`.Services`. The reasons are in docs/decisions/0020.
All that is not public in the library is used here.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import requests
from requests.adapters import BaseAdapter
from rfc3161_client import TimeStampResponse, decode_timestamp_response
from sigstore.dsse import Statement
from sigstore.errors import Error as SigstoreError
from sigstore.oidc import IdentityError, IdentityToken
from sigstore.sign import Signer, SigningContext

from imgforge.errors import EvidenceError, ImgforgeError, InvalidInputError
from imgforge.signing.identity_token import SKEW
from imgforge.signing.services import Services, checked, redacted

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from imgforge.signing.identity_token import Token
    from imgforge.signing.trust import Trust

_HEADERS = ("Authorization", "Content-Type", "Accept", "User-Agent")
_REFUSED = "it is the identity token that it judges: who issued it, for whom, until when"


class Transport(BaseAdapter):
    """Carries what the library sends to the ``kind`` of service at ``base``, and only there.

    What is no answer is raised as our error, which the library lets pass. InvalidInputError if
    ``base`` is not reached with TLS.
    """

    def __init__(
        self, services: Services, kind: str, base: str, *, v1: bool = False, refused: str = ""
    ) -> None:
        super().__init__()
        self.place = f"{kind} {checked(base)}"
        self._send = partial(services.post, self.place, v1=v1, refused=refused or None)
        self._base = base.rstrip("/")

    def send(  # noqa: PLR0917 - as the base class has it
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002, FBT001, FBT002
        timeout: object = None,  # noqa: ARG002
        verify: bool | str = True,  # noqa: ARG002, FBT001, FBT002
        cert: object = None,  # noqa: ARG002
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> requests.Response:
        """Send a POST by :meth:`.Services.post`; errors as there."""
        body = request.body or b""
        if request.method != "POST" or not isinstance(body, str | bytes):
            raise TypeError(f"the library sends a {request.method} that is not foreseen")
        # The library forgets the path that Fulcio lies at, and doubles the log's last slash.
        url = f"{self._base}/api/{(request.url or '').rpartition('/api/')[2]}"
        headers = {name: request.headers[name] for name in _HEADERS if name in request.headers}
        answer = requests.Response()
        answer.raw = io.BytesIO(
            self._send(url, body.encode() if isinstance(body, str) else body, headers)
        )
        answer.status_code, answer.url, answer.request = 200, url, request
        answer.encoding = "utf-8"
        return answer

    def close(self) -> None:
        """Do nothing: the client is shared."""


class Authority:
    """A timestamp authority for the library; its own client's errors end as lines in a log."""

    def __init__(self, services: Services, url: str) -> None:
        self.url = url
        self._services = services

    def request_timestamp(self, signature: bytes) -> TimeStampResponse:
        """Return the authority's answer; errors as :meth:`.Services.timestamp`."""
        return decode_timestamp_response(self._services.timestamp(self.url, signature))


class Library:
    """One Sigstore's services, as the library asks them; threads may share it.

    InvalidInputError if one of them is not reached with TLS.
    """

    def __init__(self, trust: Trust, services: Services) -> None:
        chosen, found = trust.config.signing_config, trust.log
        if found is None:
            raise InvalidInputError("the trust configuration names no transparency log")
        fulcio, log = chosen.get_fulcio(), chosen.get_tlogs()[0]
        # Its session is another one in each thread, and not public.
        self._log = cast("Any", log)
        self._to_log = Transport(services, "the transparency log", found.url, v1=found.version == 1)
        self._to_fulcio = Transport(
            services, "the certificate authority", fulcio.url, refused=_REFUSED
        )
        _carry(fulcio.session, self._to_fulcio)
        authorities = [Authority(services, url) for url in trust.timestamps if checked(url)]
        # What SigningContext.from_trust_config does, which is marked private.
        self._context = SigningContext(
            fulcio=fulcio,
            rekor=log,
            trusted_root=trust.config.trusted_root,
            tsa_clients=cast("Any", authorities),
        )

    def signer(self, token: Token) -> tuple[Signer, Certificate]:
        """Have a key of minutes certified; return what signs with it, and the certificate.

        InvalidInputError for a token that the library does not take; else errors as a sealer's.
        """
        _await_beginning(token)
        try:
            identity = IdentityToken(token.text)
        except IdentityError as error:
            reason = redacted(f"{error} ({error.__cause__})" if error.__cause__ else str(error))
            raise InvalidInputError(f"the identity token cannot be used: {reason}") from error
        with (
            _understood(self._to_fulcio.place),
            self._context.signer(identity, cache=True) as signer,
        ):
            certificate = signer._signing_cert()  # noqa: SLF001 - there is no other way to it
            fits = certificate.public_key() == signer._private_key.public_key()  # noqa: SLF001
        if not fits:
            raise EvidenceError("Fulcio answers with a certificate for another key")
        return signer, certificate

    def sign(self, signer: Signer, statement: bytes) -> bytes:
        """Return the bundle of a statement: signed, stamped, logged. Errors as a sealer's."""
        _carry(self._log._session, self._to_log)  # noqa: SLF001 - see above
        with _understood(self._to_log.place):
            return signer.sign_dsse(Statement(statement)).to_json().encode()


def _await_beginning(token: Token) -> None:
    """Let a token begin by this machine's clock, too; the library allows for no difference."""
    begins = token.claims.get("nbf")
    if isinstance(begins, int | float):
        time.sleep(max(0.0, min(begins - time.time(), SKEW)))


def _carry(session: requests.Session, transport: Transport) -> None:
    session.trust_env = False  # a .netrc would take the token's place
    session.mount("https://", transport)
    session.mount("http://", transport)


@contextmanager
def _understood(place: str) -> Iterator[None]:
    """Turn whatever the library trips over into one line about ``place``."""
    try:
        yield
    except ImgforgeError:
        raise
    except SigstoreError as error:
        raise EvidenceError(
            f"what {place} answers does not prove what it should: {redacted(str(error))}",
            hint="does the trust configuration's root fit it?",
        ) from error
    except Exception as error:  # as many kinds as there are kinds of nonsense
        raise EvidenceError(
            f"{place} answers with something else than it should",
            details=[redacted(f"{type(error).__name__}: {error}")],
        ) from error
