"""Downloads: bounded in size, time and number of tries, hashed before they get a name.

Blobs land in ``cache/blobs`` under their sha256, by rename from ``.partial-<sha256>``, which one
process at a time holds by a lock: others wait for it, and what a killed one left is continued. A
mirror that lies, stalls or breaks off leaves nothing behind that has a blob's name.
"""

from __future__ import annotations

import contextlib
import fcntl
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

_POLL = 0.05
"""Seconds between looks at a file that another process downloads."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file known by hash (sha256, hex) and size before it is asked for; ``urls`` in order.

    At an address in ``moving`` the file is replaced from time to time, so that a mirror may hold an
    older or newer one there: another content is then no lie, but a mirror caught half renewed.
    """

    urls: tuple[str, ...]
    sha256: str
    size: int
    moving: frozenset[str] = frozenset()
    authorization: str = ""
    """A header for the host of ``urls``; along a redirect to another it is not sent."""


class _NotFound(Exception):  # noqa: N818 - not an error unless no address is left
    pass


@contextlib.contextmanager
def client() -> Iterator[httpx.Client]:
    """Open an HTTP client with the machine's authorities and the proxy that the settings name."""
    import httpx

    from imgforge import __version__, proxy
    from imgforge.oci.origin import tls_context

    context = tls_context()
    with httpx.Client(
        verify=context,
        mounts=proxy.mounts(context),
        timeout=TIMEOUT,
        follow_redirects=True,
        headers={"User-Agent": f"imgforge/{__version__}", "Accept-Encoding": "identity"},
        limits=httpx.Limits(max_connections=JOBS),
    ) as opened:
        yield opened


def small(http: httpx.Client, url: str, limit: int, *, authorization: str = "") -> bytes:
    """Return the body at ``url``, at most ``limit`` bytes; the caller must verify it."""
    body = bytearray()

    def take(start: int, pieces: Iterable[bytes]) -> None:
        del body[start:]
        for piece in pieces:
            body.extend(piece)
            if len(body) > limit:
                raise RegistryError(f"{without_password(url)} is over {limit} bytes")

    try:
        _download(http, url, lambda: 0, take, limit, authorization=authorization)
    except _NotFound as error:
        raise RegistryError(f"{without_password(url)} does not exist") from error
    return bytes(body)


def sealed(
    http: httpx.Client, url: str, sha512: str, limit: int, *, authorization: str = ""
) -> tuple[str, int]:
    """Bring a file that is known by another hash (sha512, hex) into the cache, as a stream.

    Returns the sha256 (hex) and size that it has. RegistryError if it is not there, over ``limit``
    bytes, or of another hash.
    """
    shown = without_password(url)
    folder = cache.directory("blobs")
    fd, name = tempfile.mkstemp(prefix=".incoming-", dir=folder)
    temporary = Path(name)
    try:
        with os.fdopen(fd, "w+b") as file:

            def take(start: int, pieces: Iterable[bytes]) -> None:
                file.seek(start)
                file.truncate()
                for piece in pieces:
                    file.write(piece)
                    if file.tell() > limit:
                        raise RegistryError(f"{shown} is over {limit} bytes")

            try:
                _download(http, url, file.tell, take, limit, authorization=authorization)
            except _NotFound as error:
                raise RegistryError(f"{shown} does not exist") from error
            size = file.tell()
            file.seek(0)
            got = hashlib.file_digest(file, "sha512").hexdigest()
            if got != sha512:
                raise RegistryError(
                    f"{shown} is not what was announced",
                    details=[f"wanted sha512 {sha512}", f"got    sha512 {got}"],
                )
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        temporary.chmod(0o644)
        temporary.rename(folder / digest)
    finally:
        temporary.unlink(missing_ok=True)
    return digest, size


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

    def one(file: Wanted) -> Path:
        return cached(file.sha256) or _blob(http, file)

    with client() as http, ThreadPoolExecutor(JOBS) as pool:
        futures = [pool.submit(one, file) for file in wanted]
        try:
            return [future.result() for future in futures]
        except BaseException:
            # One that failed fails all: the rest need not be asked for.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _blob(http: httpx.Client, wanted: Wanted) -> Path:
    folder = cache.directory("blobs")
    partial, final = folder / f".partial-{wanted.sha256}", folder / wanted.sha256
    gone: list[str] = []
    with _held(partial, final, wanted) as file:
        if file is None:
            return cached(wanted.sha256) or _blob(http, wanted)
        for url in wanted.urls:
            try:
                _into(http, url, wanted, file)
            except _NotFound:
                gone.append(f"{without_password(url)} does not exist")
                continue
            except TransientError as error:
                raise TransientError(
                    error.message, details=[*error.details, *gone], hint=error.hint
                ) from error
            partial.chmod(0o644)
            return partial.rename(final)
    raise RegistryError(
        gone[-1],
        details=gone[:-1],
        hint="the archive has moved on; take its present packages with: imgforge lock --upgrade",
    )


@contextlib.contextmanager
def _held(partial: Path, final: Path, wanted: Wanted) -> Iterator[io.BufferedRandom | None]:
    """Open ``partial`` at its end, for this thread alone; None if another finished it meanwhile."""
    deadline = time.monotonic() + TRIES * (TIMEOUT + wanted.size / SLOWEST)
    while True:
        # Never through a link; where another renames it at this moment, a new one is opened.
        fd = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TransientError(
                        f"another process has been downloading {final} for too long",
                        hint="end it, and run this again",
                    ) from None
            else:
                if _same(fd, partial):
                    if final.exists():
                        partial.unlink()
                        yield None
                        return
                    file.seek(0, io.SEEK_END)
                    try:
                        yield file
                    finally:
                        # What broke off is kept to be continued, what was wrong was emptied.
                        file.flush()
                        if not os.fstat(fd).st_size and _same(fd, partial):
                            partial.unlink()
                    return
        time.sleep(_POLL)


def _same(fd: int, path: Path) -> bool:
    """Whether ``path`` still names the open file: it may have been renamed or removed."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


def _into(http: httpx.Client, url: str, wanted: Wanted, file: io.BufferedRandom) -> None:
    """Fill ``file`` from ``url``, after what it holds; empty it again if the whole is wrong."""
    shown = without_password(url)
    begun = file.tell()
    if begun > wanted.size:
        _emptied(file)
        begun = 0

    def take(start: int, pieces: Iterable[bytes]) -> None:
        file.seek(start)
        file.truncate()
        for piece in pieces:
            file.write(piece)
            if file.tell() > wanted.size:
                _emptied(file)
                message = f"{shown} is larger than the {wanted.size} bytes announced"
                raise _differs(url, wanted, message)

    if begun < wanted.size or not begun:
        _download(http, url, file.tell, take, wanted.size, authorization=wanted.authorization)
    size = file.tell()
    file.flush()
    file.seek(0)
    got = hashlib.file_digest(file, "sha256").hexdigest()
    if size == wanted.size and got == wanted.sha256:
        return
    _emptied(file)
    if begun:
        # What an earlier run left may have been wrong, and this mirror right.
        _into(http, url, wanted, file)
        return
    raise _differs(
        url,
        wanted,
        f"{shown} is not what the signed index announced",
        f"wanted {wanted.size} bytes, sha256 {wanted.sha256}",
        f"got {size} bytes, sha256 {got}",
    )


def _emptied(file: io.BufferedRandom) -> None:
    file.seek(0)
    file.truncate()


def _differs(url: str, wanted: Wanted, message: str, *details: str) -> Exception:
    if url in wanted.moving:
        return TransientError(
            f"{without_password(url)} is not what the signed Release file announces: "
            "the mirror is being renewed, or is behind itself",
            details=details,
            hint="try again in some minutes, or use another mirror",
        )
    return RegistryError(message, details=details)


def _download(
    http: httpx.Client,
    url: str,
    have: Callable[[], int],
    take: Callable[[int, Iterable[bytes]], None],
    size: int,
    *,
    authorization: str = "",
) -> None:
    """Give the body of ``url`` to ``take``, resuming after a broken connection."""
    import httpx

    problem: object = None
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        start = have()
        asked = {"Range": f"bytes={start}-" * (0 < start < size), "Authorization": authorization}
        headers = {name: value for name, value in asked.items() if value}
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
                take(start if response.status_code == 206 and resumed else 0, _body(response))  # noqa: PLR2004
                return
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
            # A redirect to file: or the like is a decision of the mirror's, not a mishap.
            raise RegistryError(f"{without_password(url)}: {error}") from error
        except (httpx.TransportError, TimeoutError) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise RegistryError(
                    f"{without_password(url)}: its certificate is not trusted: {error}",
                    hint="name a file with its authority in SSL_CERT_FILE",
                ) from error
            problem = str(error) or type(error).__name__
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise RegistryError(f"{without_password(url)}: {error}") from error
    raise TransientError(f"{without_password(url)}: {problem}, after {TRIES} tries")


def _body(response: Any) -> Iterator[bytes]:  # noqa: ANN401 - httpx stays lazy
    start, got = time.monotonic(), 0
    for piece in response.iter_raw():
        got += len(piece)
        # By what came, not by what may come: a drip would otherwise be waited for for hours.
        if time.monotonic() > start + TIMEOUT + got / SLOWEST:
            raise TimeoutError("the mirror is too slow")
        yield piece
