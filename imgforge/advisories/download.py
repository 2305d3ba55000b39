"""Fetching sources: as streams into files, and only if they have changed since."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from imgforge.bases.fetch import PAUSE, SLOWEST, TIMEOUT, TRIES
from imgforge.bases.sources import without_password
from imgforge.errors import RegistryError, TransientError

if TYPE_CHECKING:
    import httpx

LARGEST: Final = 8 << 30
"""Bytes of one source."""

_SMALL: Final = 1 << 20
_SAME, _OK = 304, 200


class Fetched(NamedTuple):
    """What came: ``tag`` is what the server says of this version, to be shown to it the next time.

    It is a header's name in small letters, a colon and the value; empty if there was none.
    """

    path: Path
    tag: str


def fetch(
    http: httpx.Client,
    url: str,
    to: Path,
    *,
    tag: str = "",
    count: Callable[[int], None] = lambda _: None,
    limit: int = LARGEST,
) -> Fetched | None:
    """Write what is at ``url`` to ``to``; None if the server says that it is what ``tag`` was.

    RegistryError if it is not there, over ``limit`` bytes, or not to be had this way;
    TransientError when tries ran out.
    """
    import httpx

    check(url)
    shown = without_password(url)
    problem: object = None
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        try:
            with http.stream("GET", url, headers=_condition(tag)) as response:
                status = response.status_code
                _check_all(response)
                if status == _SAME and tag:
                    return None
                if status in {408, 425, 429} or status >= 500:  # noqa: PLR2004 - try again
                    problem = f"HTTP {status}"
                    continue
                if status != _OK:
                    raise RegistryError(f"{shown}: HTTP {status}")
                _written(response, to, count, limit, shown)
                return Fetched(to, _tag(response.headers))
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
            raise RegistryError(f"{shown}: {error}") from error
        except (httpx.TransportError, TimeoutError) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise RegistryError(
                    f"{shown}: its certificate is not trusted: {error}",
                    hint="name a file with its authority in SSL_CERT_FILE",
                ) from error
            problem = str(error) or type(error).__name__
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise RegistryError(f"{shown}: {error}") from error
    raise TransientError(f"{shown}: {problem}, after {TRIES} tries")


def small(http: httpx.Client, url: str, to: Path) -> Path:
    """Write a small file, such as a signature, to ``to``; errors as of :func:`fetch`."""
    fetch(http, url, to, limit=_SMALL)
    return to


def check(url: str) -> None:
    """RegistryError if ``url`` is not encrypted and not on this machine."""
    from urllib.parse import urlsplit

    from imgforge.oci.origin import may_be_plain

    parts = urlsplit(url)
    if parts.scheme != "https" and not may_be_plain(parts.netloc.rpartition("@")[2]):
        raise RegistryError(
            f"{without_password(url)} is not encrypted: anybody on the way could change it",
            hint="use https",
        )


def _check_all(response: httpx.Response) -> None:
    for each in (*response.history, response):
        check(str(each.url))


def _condition(tag: str) -> dict[str, str]:
    name, _, value = tag.partition(":")
    asked = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
    return {asked[name]: value} if name in asked else {}


def _tag(headers: Any) -> str:  # noqa: ANN401 - httpx stays lazy
    for name in ("etag", "last-modified"):
        value = headers.get(name, "")
        if value and value.isascii() and value.isprintable():
            return f"{name}:{value}"
    return ""


def _written(
    response: httpx.Response, to: Path, count: Callable[[int], None], limit: int, shown: str
) -> None:
    start, got = time.monotonic(), 0
    with to.open("wb") as file:
        for piece in response.iter_raw():
            got += len(piece)
            if got > limit:
                raise RegistryError(f"{shown} is over {limit} bytes")
            if time.monotonic() > start + TIMEOUT + got / SLOWEST:
                raise TimeoutError("the server is too slow")
            file.write(piece)
            count(len(piece))
