"""sigstore-python's signing, with our HTTP beneath it.

The library asks Fulcio and the log; what it says to them is its own. How it reaches them is ours,
by the place that requests has for that (a transport adapter): time limits, retries, caps,
authorities and proxies are those of :class:`.Services`. The reasons are in docs/decisions/0020.
All that is not public in the library is used here.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import requests
from requests.adapters import BaseAdapter
from rfc3161_client import TimeStampResponse, decode_timestamp_response
from sigstore.dsse import Statement
from sigstore.errors import Error as SigstoreError
from sigstore.oidc import IdentityError, IdentityToken
from sigstore.sign import Signer, SigningContext

from imgforge.errors import EvidenceError, ImgforgeError, InvalidInputError
from imgforge.signing.services import Services, checked, redacted

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from imgforge.signing.identity_token import Token
    from imgforge.signing.trust import Trust

_HEADERS = ("Authorization", "Content-Type", "Accept", "User-Agent")
_REFUSED = "it is the identity token that it judges: who issued it, for whom, until when"


class Transport(BaseAdapter):
    """Carries what the library sends to ``kind`` of service; nothing but an answer comes back.

    What is no answer is raised as our error, which the library lets pass.
    """

    def __init__(self, services: Services, kind: str, refused: str | None = None) -> None:
        super().__init__()
        self._services = services
        self._kind = kind
        self._refused = refused

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
        url, body = request.url or "", request.body or b""
        if request.method != "POST" or not isinstance(body, str | bytes):
            raise TypeError(f"the library sends a {request.method} that is not foreseen")
        answer = requests.Response()
        answer.raw = io.BytesIO(
            self._services.post(
                f"{self._kind} {checked(url)}",
                url,
                body.encode() if isinstance(body, str) else body,
                {name: request.headers[name] for name in _HEADERS if name in request.headers},
                v1="/api/v1/" in url,
                refused=self._refused,
            )
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
        chosen = trust.config.signing_config
        fulcio = chosen.get_fulcio()
        log = chosen.get_tlogs()[0]
        # Its session is another one in each thread, and not public.
        self._log = cast("Any", log)
        self._authority = f"the certificate authority {checked(fulcio.url)}"
        self._place = f"the transparency log {checked(self._log.url)}"
        self._transport = Transport(services, "the transparency log")
        _carry(fulcio.session, Transport(services, "the certificate authority", _REFUSED))
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
        try:
            identity = IdentityToken(token.text)
        except IdentityError as error:
            reason = redacted(f"{error} ({error.__cause__})" if error.__cause__ else str(error))
            raise InvalidInputError(f"the identity token cannot be used: {reason}") from error
        with _understood(self._authority), self._context.signer(identity, cache=True) as signer:
            certificate = signer._signing_cert()  # noqa: SLF001 - there is no other way to it
            fits = certificate.public_key() == signer._private_key.public_key()  # noqa: SLF001
        if not fits:
            raise EvidenceError("Fulcio answers with a certificate for another key")
        return signer, certificate

    def sign(self, signer: Signer, statement: bytes) -> bytes:
        """Return the bundle of a statement: signed, stamped, logged. Errors as a sealer's."""
        _carry(self._log._session, self._transport)  # noqa: SLF001 - see above
        with _understood(self._place):
            return signer.sign_dsse(Statement(statement)).to_json().encode()


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
