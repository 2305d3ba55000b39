"""Downloads: bounded in size, time and number of tries, hashed before they get a name.

Blobs land in ``cache/blobs`` under their sha256, by rename from a temporary file, so processes may
share the cache and a mirror that lies, stalls or breaks off leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgforge import cache
from imgforge.bases.sources import without_password
from imgforge.errors import RegistryError, TransientError

if TYPE_CHECKING:
    import httpx

JOBS = 8
TRIES = 3
TIMEOUT = 30.0
"""Seconds without a byte before a try is given up."""

SLOWEST = 20_000
"""Bytes a second: a mirror slower than this over a whole file is taken as stalled."""

PAUSE = 0.5
"""Seconds before the second try; doubled for the next."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file known by hash (sha256, hex) and size before it is asked for; ``urls`` in order."""

    urls: tuple[str, ...]
    sha256: str
    size: int


class _NotFound(Exception):  # noqa: N818 - not an error unless no address is left
    pass


@contextlib.contextmanager
def client() -> Iterator[httpx.Client]:
    """Open an HTTP client; proxies and CA bundle come from the environment as usual."""
    import httpx

    from imgforge import __version__

    with httpx.Client(
        timeout=TIMEOUT,
        follow_redirects=True,
        headers={"User-Agent": f"imgforge/{__version__}", "Accept-Encoding": "identity"},
        limits=httpx.Limits(max_connections=JOBS),
    ) as opened:
        yield opened


def small(http: httpx.Client, url: str, limit: int) -> bytes:
    """Return the body at ``url``, at most ``limit`` bytes; the caller must verify it."""
    body = bytearray()

    def take(start: int, pieces: Iterable[bytes]) -> None:
        del body[start:]
        for piece in pieces:
            body.extend(piece)
            if len(body) > limit:
                raise RegistryError(f"{without_password(url)} is over {limit} bytes")

    try:
        _download(http, url, lambda: 0, take, limit)
    except _NotFound as error:
        raise RegistryError(f"{without_password(url)} does not exist") from error
    return bytes(body)


def cached(sha256: str) -> Path | None:
    """Return the blob if it is in the cache and still what its name says, else None."""
    path = cache.directory("blobs") / sha256
    if not cache.used(path):
        return None
    try:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == sha256:
                return path
    except FileNotFoundError:
        return None
    path.unlink(missing_ok=True)
    return None


def blobs(wanted: Sequence[Wanted]) -> list[Path]:
    """Return the paths of all files in the cache, those not there downloaded in parallel.

    RegistryError (also when no address has a file), TransientError when tries ran out.
    """
    with client() as http, ThreadPoolExecutor(JOBS) as pool:
        return list(pool.map(lambda w: cached(w.sha256) or _blob(http, w), wanted))


def _blob(http: httpx.Client, wanted: Wanted) -> Path:
    folder = cache.directory("blobs")
    for url in wanted.urls:
        fd, name = tempfile.mkstemp(prefix=".incoming-", dir=folder)
        temporary = Path(name)
        try:
            with os.fdopen(fd, "w+b") as file:
                _into(http, url, wanted, file)
            return temporary.rename(folder / wanted.sha256)
        except _NotFound:
            continue
        finally:
            temporary.unlink(missing_ok=True)
    raise RegistryError(
        f"{without_password(wanted.urls[-1])} does not exist",
        hint="the archive has moved on; take its present packages with: imgforge lock",
    )


def _into(http: httpx.Client, url: str, wanted: Wanted, file: io.BufferedRandom) -> None:
    shown = without_password(url)

    def take(start: int, pieces: Iterable[bytes]) -> None:
        file.seek(start)
        file.truncate()
        for piece in pieces:
            file.write(piece)
            if file.tell() > wanted.size:
                raise RegistryError(f"{shown} is larger than the {wanted.size} bytes announced")

    _download(http, url, file.tell, take, wanted.size)
    size = file.tell()
    file.flush()
    file.seek(0)
    got = hashlib.file_digest(file, "sha256").hexdigest()
    if size != wanted.size or got != wanted.sha256:
        raise RegistryError(
            f"{shown} is not what the signed index announced",
            details=[
                f"wanted {wanted.size} bytes, sha256 {wanted.sha256}",
                f"got {size} bytes, sha256 {got}",
            ],
        )


def _download(
    http: httpx.Client,
    url: str,
    have: Callable[[], int],
    take: Callable[[int, Iterable[bytes]], None],
    size: int,
) -> None:
    """Give the body of ``url`` to ``take``, resuming after a broken connection."""
    import httpx

    problem: object = None
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        start = have()
        headers = {"Range": f"bytes={start}-"} if 0 < start < size else {}
        try:
            with http.stream("GET", url, headers=headers) as response:
                if response.status_code in {404, 410}:
                    raise _NotFound
                if response.status_code in {408, 416, 429} or response.status_code >= 500:  # noqa: PLR2004
                    problem = f"HTTP {response.status_code}"
                    continue
                if response.status_code not in {200, 206}:
                    raise RegistryError(f"{without_password(url)}: HTTP {response.status_code}")
                resumed = response.headers.get("content-range", "").startswith(f"bytes {start}-")
                take(start if response.status_code == 206 and resumed else 0, _body(response, size))  # noqa: PLR2004
                return
        except (httpx.TransportError, TimeoutError) as error:
            problem = str(error) or type(error).__name__
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise RegistryError(f"{without_password(url)}: {error}") from error
    raise TransientError(f"{without_password(url)}: {problem}, after {TRIES} tries")


def _body(response: Any, size: int) -> Iterator[bytes]:  # noqa: ANN401 - httpx stays lazy
    deadline = time.monotonic() + TIMEOUT + size / SLOWEST
    for piece in response.iter_raw():
        if time.monotonic() > deadline:
            raise TimeoutError("the mirror is too slow")
        yield piece
