"""A blob on its way into a repository (distribution-spec 1.1, "Pushing blobs").

A blob goes by one PUT. Where that is refused, or broke and the blob is large, it goes in pieces,
and what broke goes on from where the registry says it is; a registry that knows nothing of it any
more gets it anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from imgforge.errors import RegistryError
from imgforge.oci.transport import WORTH, Again, Answer, Transport
from imgforge.oci.types import Descriptor

CHUNK = 8 << 20
"""Bytes of one PATCH; a blob of no more is sent whole or not at all."""
_PIECE = 1 << 20
_HASHED = 16 << 20
"""Bytes a second that a registry is given for looking at a blob before it answers."""
_READ = 60.0
_CREATED, _ACCEPTED, _NO_CONTENT, _NOT_FOUND, _OUT_OF_RANGE = 201, 202, 204, 404, 416
_GONE = (400, 404, 405, 410, _OUT_OF_RANGE)
_TOO_LARGE = (405, 413)
NO_MOUNT = (400, 401, 403, 404, 405)
"""What registries answer that do not mount, or not this blob: it is to be sent."""
_TAKEN = re.compile(r"(?:bytes=)?0-([0-9]{1,15})")
_OCTETS = "application/octet-stream"


class Upload:
    """One blob of ``source``; ``path`` is the repository's (``/v2/NAME``).

    ``progress`` is told of every byte once, however often it is sent.
    """

    def __init__(
        self,
        http: Transport,
        path: str,
        source: Path,
        descriptor: Descriptor,
        progress: Callable[[int], None],
    ) -> None:
        self._http = http
        self._path = path
        self._source = source
        self._blob = descriptor
        self._progress = progress
        self._place: str | None = None
        self._least = 0
        self._in_pieces = False
        self._resumed = False
        self._broke = False
        self._reached = 0
        self._held = 0

    def run(self, mount: str | None = None) -> bool:
        """Send the blob, or mount it from the repository ``mount``; return whether it was sent.

        RegistryError if the registry does not take it, TransientError if it keeps breaking.
        """
        return self._http.retry(partial(self._attempt, mount), lambda: self._held)

    def _attempt(self, mount: str | None) -> bool:
        if self._broke and self._is_there():
            return True
        self._broke = True
        start = None if self._place is None else self._status()
        if start is None:
            self._place = self._begin(mount)
            if self._place is None:
                return False
            if not self._in_pieces and self._whole():
                return True
            start = 0
        self._send_from(start)
        self._finish()
        return True

    def _is_there(self) -> bool:
        """Whether only the answer was lost."""
        path = f"{self._path}/blobs/{self._blob.digest}"
        return self._http.once("HEAD", path, accept=(200, _NOT_FOUND)).status != _NOT_FOUND

    def _begin(self, mount: str | None) -> str | None:
        """Return the place of a new upload, None if there need be none."""
        self._resumed = False
        path = f"{self._path}/blobs/uploads/"
        if mount is not None:
            query = urlencode({"mount": self._blob.digest, "from": mount})
            begun = self._http.once(
                "POST", f"{path}?{query}", accept=(_CREATED, _ACCEPTED, *NO_MOUNT)
            )
            if begun.status == _CREATED:
                return None
        if mount is None or begun.status != _ACCEPTED:
            begun = self._http.once("POST", path, accept=(_ACCEPTED,))
        least = begun.headers.get("oci-chunk-min-length", "")
        self._least = int(least[:15]) if least.isascii() and least.isdigit() else 0
        place = self._location(begun)
        if place is None:
            raise RegistryError(f"{self._http.reference.registry} names no place for an upload")
        return place

    def _whole(self) -> bool:
        """Send the blob by one PUT; return whether that is done, and else begin anew."""
        size = self._blob.size
        place, self._place = str(self._place), self._place if size > CHUNK else None
        # Should it break, the pieces that follow need not be large.
        self._in_pieces = size > CHUNK
        done = self._http.once(
            "PUT",
            self._ended(place),
            accept=(_CREATED, _ACCEPTED, _NO_CONTENT, *_TOO_LARGE),
            headers={"Content-Type": _OCTETS, "Content-Length": str(size)},
            body=partial(self._read, 0, size),
            patience=_READ + size / _HASHED,
        )
        if done.status not in _TOO_LARGE:
            return True
        self._in_pieces = True
        self._place = self._begin(None)
        return False

    def _send_from(self, start: int) -> None:
        chunk = max(CHUNK, self._least)
        while start < self._blob.size:
            length = min(chunk, self._blob.size - start)
            answer = self._http.once(
                "PATCH",
                str(self._place),
                accept=(_ACCEPTED, _NO_CONTENT, _OUT_OF_RANGE),
                headers={
                    "Content-Type": _OCTETS,
                    "Content-Length": str(length),
                    "Content-Range": f"{start}-{start + length - 1}",
                },
                body=partial(self._read, start, length),
            )
            if answer.status == _OUT_OF_RANGE:
                self._place = None
                raise Again(f"PATCH {self._path}/blobs/uploads/: status {answer.status}")
            self._place = self._location(answer) or self._place
            taken = _taken(answer)
            if taken is None or taken >= start + length:
                taken = start + length
            else:
                self._resumed = True
                if taken < start + min(WORTH, length):
                    raise Again(f"PATCH {self._path}/blobs/uploads/ took {taken - start} bytes")
            start = taken
            self._held = max(self._held, start)

    def _status(self) -> int | None:
        """Return how many bytes the registry has, None if the upload is to begin anew."""
        answer = self._http.once("GET", str(self._place), accept=(200, 202, 204, *_GONE))
        if answer.status in _GONE:
            return None
        taken = _taken(answer)
        if taken is None or taken > self._blob.size:
            return None
        self._place = self._location(answer) or self._place
        self._resumed = True
        self._held = max(self._held, taken)
        return taken

    def _finish(self) -> None:
        answer = self._http.once(
            "PUT",
            self._ended(str(self._place)),
            accept=(_CREATED, _NO_CONTENT, *(_GONE if self._resumed else ())),
            patience=_READ + self._blob.size / _HASHED,
        )
        if answer.status in _GONE:
            self._place = None
            raise Again(f"PUT {self._path}/blobs/uploads/: status {answer.status}")

    def _location(self, answer: Answer) -> str | None:
        location = answer.headers.get("location")
        return str(self._http.join(location, answer.url)) if location else None

    def _ended(self, place: str) -> str:
        return f"{place}{'&' if '?' in place else '?'}{urlencode({'digest': self._blob.digest})}"

    def _read(self, start: int, length: int) -> Iterator[bytes]:
        with self._source.open("rb") as file:
            file.seek(start)
            while length > 0:
                piece = file.read(min(_PIECE, length))
                if not piece:
                    raise RegistryError(f"{self._source} is shorter than {self._blob.size} bytes")
                yield piece
                start, length = start + len(piece), length - len(piece)
                if start > self._reached:
                    self._progress(start - self._reached)
                    self._reached = start


def _taken(answer: Answer) -> int | None:
    """Return how many bytes an upload has, None if the answer does not say.

    ``0-0`` is what docker's registry says of none; a single byte is then sent again.
    """
    matched = _TAKEN.fullmatch(answer.headers.get("range", "").strip())
    if matched is None:
        return None
    last = int(matched[1])
    return last + 1 if last else 0
