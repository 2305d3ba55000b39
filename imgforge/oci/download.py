"""A blob on its way out of a repository (distribution-spec 1.1, "Pulling blobs").

A download that broke goes on where it broke (RFC 9110, section 14), and the hash goes on over what
is there; a registry that sends the whole again has it hashed again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import IO

from imgforge.errors import RegistryError
from imgforge.oci.transport import Again, Transport
from imgforge.oci.types import Descriptor

_PARTIAL, _OUT_OF_RANGE = 206, 416
_RANGE = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15}|\*)")


class Download:
    """One blob into ``file``, from its beginning; ``path`` is the repository's (``/v2/NAME``).

    ``progress`` is told of every byte once, however often it comes.
    """

    def __init__(
        self,
        http: Transport,
        path: str,
        descriptor: Descriptor,
        file: IO[bytes],
        progress: Callable[[int], None],
    ) -> None:
        self._http = http
        self._path = f"{path}/blobs/{descriptor.digest}"
        self._place = f"{http.reference.name}: GET {self._path}"
        self._blob = descriptor
        self._file = file
        self._progress = progress
        self._hash = hashlib.sha256()
        self._count = 0
        self._reached = 0
        self._resumed = False
        self._measured = True

    def run(self) -> None:
        """Fetch the blob; RegistryError if it does not match, TransientError if it keeps breaking.

        The file then holds it and nothing else; after an error it holds what came.
        """
        self._restart()
        self._http.retry(self._attempt, lambda: self._reached)

    def _attempt(self) -> None:
        headers = {"Range": f"bytes={self._count}-"} if self._count else {}
        accept = (200, _PARTIAL, _OUT_OF_RANGE) if self._count else (200,)
        self._http.once(
            "GET",
            self._path,
            accept=accept,
            headers=headers,
            limit=max(self._blob.size, 1),
            sink=self._begin,
        )
        if self._count < self._blob.size and (self._resumed or not self._measured):
            raise Again(f"GET {self._path} ended early")
        if f"sha256:{self._hash.hexdigest()}" == self._blob.digest:
            return
        if self._resumed:
            # One of several answers was wrong: the whole, by one, tells whether the registry lies.
            self._restart()
            raise Again(f"the parts of {self._path} do not match their digest")
        raise RegistryError(
            f"{self._place} gave {self._count} bytes that do not match their digest"
        )

    def _begin(self, status: int, headers: Mapping[str, str]) -> Callable[[bytes], None]:
        self._measured = "content-length" in headers or "transfer-encoding" in headers
        if status == _OUT_OF_RANGE:
            self._restart()
            raise Again(f"GET {self._path}: status {status}")
        if status == _PARTIAL:
            part = _RANGE.fullmatch(headers.get("content-range", "").strip())
            if (
                part is None
                or int(part[1]) != self._count
                or part[3]
                not in (
                    "*",
                    str(self._blob.size),
                )
            ):
                raise RegistryError(
                    f"{self._place} gives another part than the one from {self._count} on"
                )
            self._resumed = True
        elif self._count:
            self._restart()
        return self._take

    def _restart(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._hash, self._count, self._resumed = hashlib.sha256(), 0, False

    def _take(self, piece: bytes) -> None:
        if self._count + len(piece) > self._blob.size:
            raise RegistryError(f"{self._place} gives over {self._blob.size} bytes")
        self._file.write(piece)
        self._hash.update(piece)
        self._count += len(piece)
        if self._count > self._reached:
            self._progress(self._count - self._reached)
            self._reached = self._count
