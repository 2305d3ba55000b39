"""OCI image layouts on disk (image-spec, image-layout.md).

Blobs appear by rename from a temporary name and ``index.json`` is replaced in one step, so a
reader sees the old image or the new one and never half of either.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from imgforge import strictjson
from imgforge.errors import InvalidInputError
from imgforge.oci.manifest import MAX_IMAGES
from imgforge.oci.types import (
    EMPTY,
    EMPTY_JSON,
    INDEX,
    INDEXES,
    MANIFEST,
    MANIFESTS,
    MAX_MANIFEST,
    Descriptor,
    canonical_json,
    is_digest,
    sha256,
)

_MARKER = b'{"imageLayoutVersion":"1.0.0"}'
_MARKER_SIZE = 4096


class CorruptLayoutError(InvalidInputError):
    """A layout, or a blob in it, is not what its digest or the specification says."""


class Blobs(ABC):
    """Images by digest, wherever they lie. Reading believes no byte before its digest was checked.

    ``place`` is what to call it in messages. ``proven`` says that :meth:`open_blob` has hashed what
    it opens, and fetches it first: what is known of a blob need not be held against it.
    """

    place: str
    proven: bool = False

    @abstractmethod
    def open_blob(self, descriptor: Descriptor) -> IO[bytes]:
        """Open a blob at its beginning, unchecked; OSError if it is not there.

        The file can seek, and reads nothing but the blob's bytes.
        """

    @abstractmethod
    def open_index(self) -> IO[bytes]:
        """Open ``index.json``; OSError if it is not there."""

    def index(self) -> list[Descriptor]:
        """Return the descriptors of ``index.json``."""
        return self._manifests(self._read_index(), "index.json")

    def read(self, descriptor: Descriptor, *, limit: int = MAX_MANIFEST) -> bytes:
        """Return a small blob whole, its size and digest checked."""
        if descriptor.size > limit:
            raise CorruptLayoutError(f"{descriptor.digest} is over {limit} bytes")
        try:
            with self.open_blob(descriptor) as file:
                data = file.read(descriptor.size + 1)
        except OSError as error:
            raise CorruptLayoutError(f"{self.place} lacks blob {descriptor.digest}") from error
        if len(data) != descriptor.size or sha256(data) != descriptor.digest:
            raise CorruptLayoutError(f"blob {descriptor.digest} does not match its descriptor")
        return data

    def read_json(self, descriptor: Descriptor) -> dict[str, Any]:
        """Return a JSON object blob, checked like :meth:`read`."""
        try:
            value = strictjson.loads(self.read(descriptor))
        except ValueError as error:
            raise CorruptLayoutError(f"blob {descriptor.digest} is not JSON: {error}") from error
        if not isinstance(value, dict):
            raise CorruptLayoutError(f"blob {descriptor.digest} is not a JSON object")
        return value

    def children(self, index: Descriptor) -> list[Descriptor]:
        """Return the manifests that the image index ``index`` lists."""
        return self._manifests(self.read_json(index), index.digest)

    def images(self, top: Descriptor) -> list[Descriptor]:
        """Return the image manifests under ``top`` (itself, or an index's, nested ones too).

        There is at least one: of nothing, every check would hold and every demand be met.
        """
        if top.media_type in MANIFESTS:
            return [top]
        if top.media_type not in INDEXES:
            raise CorruptLayoutError(f"{top.digest} is neither a manifest nor an index")
        found: list[Descriptor] = []
        pending, seen = [top], set[str]()
        while pending:
            here = pending.pop(0)
            if here.digest in seen:
                continue
            seen.add(here.digest)
            for child in self.children(here):
                if child.media_type in INDEXES:
                    pending.append(child)
                elif child.media_type in MANIFESTS:
                    found.append(child)
        found = list({(child.digest, child.platform): child for child in found}.values())
        if len(found) > MAX_IMAGES:
            raise CorruptLayoutError(f"the index {top.digest} holds over {MAX_IMAGES} images")
        if not found:
            raise CorruptLayoutError(f"the index {top.digest} holds no image")
        return found

    def referrers(self, digest: str) -> list[Descriptor]:
        """Return the manifests listed in the index whose ``subject`` is ``digest``."""
        found = []
        for descriptor in self.index():
            if descriptor.media_type == MANIFEST:
                subject = self.read_json(descriptor).get("subject")
                if isinstance(subject, dict) and subject.get("digest") == digest:
                    found.append(descriptor)
        return found

    def _read_index(self) -> dict[str, Any]:
        try:
            with self.open_index() as file:
                data = file.read(MAX_MANIFEST + 1)
        except OSError as error:
            raise CorruptLayoutError(f"{self.place} has no index.json") from error
        if len(data) > MAX_MANIFEST:
            raise CorruptLayoutError(f"index.json in {self.place} is over {MAX_MANIFEST} bytes")
        try:
            value = strictjson.loads(data)
        except ValueError as error:
            raise CorruptLayoutError(f"index.json in {self.place} is not JSON: {error}") from error
        if not isinstance(value, dict):
            raise CorruptLayoutError(f"index.json in {self.place} is not an image index")
        return value

    def _manifests(self, value: dict[str, Any], place: str) -> list[Descriptor]:
        items = value.get("manifests")
        if not isinstance(items, list):
            raise CorruptLayoutError(f"{place} in {self.place} lists no manifests")
        try:
            strictjson.exact(value, ("manifests",))
            return [Descriptor.from_json(item) for item in items]
        except ValueError as error:
            raise CorruptLayoutError(f"{place} in {self.place}: {error}") from error


class Layout(Blobs):
    """One layout directory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = str(path)

    @classmethod
    def create(cls, path: Path) -> Layout:
        """Make ``path`` a layout if it is none yet (an empty index included) and open it."""
        (path / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        self = cls(path)
        if not (path / "oci-layout").exists():
            self._replace("oci-layout", _MARKER)
        if not (path / "index.json").exists():
            self.write_index([])
        return self

    @classmethod
    def open(cls, path: Path) -> Layout:
        """Open an existing layout; raise CorruptLayoutError if ``path`` is none."""
        try:
            with _open_plain(path / "oci-layout") as file:
                marker = json.loads(file.read(_MARKER_SIZE))
        except (OSError, ValueError) as error:
            raise CorruptLayoutError(f"{path} is not an OCI image layout") from error
        if not isinstance(marker, dict) or marker.get("imageLayoutVersion") != "1.0.0":
            raise CorruptLayoutError(f"{path} has an unknown imageLayoutVersion")
        return cls(path)

    def blob_path(self, digest: str) -> Path:
        """Where the blob ``digest`` lies or would lie."""
        if not is_digest(digest):
            raise CorruptLayoutError(f"not a sha256 digest: {digest!r}")
        return self.path / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def has(self, digest: str) -> bool:
        """Whether the blob is here (its content is checked when it is read)."""
        return self.blob_path(digest).is_file()

    def open_blob(self, descriptor: Descriptor) -> IO[bytes]:
        """Open a blob's file."""
        return _open_plain(self.blob_path(descriptor.digest))

    def open_index(self) -> IO[bytes]:
        """Open the file ``index.json``."""
        return _open_plain(self.path / "index.json")

    def add(self, data: bytes, media_type: str, **fields: Any) -> Descriptor:  # noqa: ANN401
        """Store a small blob and return its descriptor; ``fields`` are Descriptor's own."""
        digest = sha256(data)
        path = self.blob_path(digest)
        if not path.exists():
            self._replace(str(path.relative_to(self.path)), data)
        return Descriptor(media_type, digest, len(data), **fields)

    def add_json(self, value: object, media_type: str, **fields: Any) -> Descriptor:  # noqa: ANN401
        """Store ``value`` as canonical JSON; see :meth:`add`."""
        return self.add(canonical_json(value), media_type, **fields)

    def attach(
        self, subject: Descriptor, data: bytes, artifact_type: str, annotations: dict[str, str]
    ) -> Descriptor:
        """Store ``data`` as a referrer of ``subject`` (image-spec 1.1, artifacts).

        The returned descriptor is not yet in the index: list it in :meth:`write_index`, so that
        an image and all its evidence appear together.
        """
        layer = self.add(data, artifact_type)
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": artifact_type,
            "config": self.add(EMPTY_JSON, EMPTY).to_json(),
            "layers": [layer.to_json()],
            "subject": Descriptor(subject.media_type, subject.digest, subject.size).to_json(),
            "annotations": annotations,
        }
        return self.add_json(
            manifest, MANIFEST, annotations=annotations, artifact_type=artifact_type
        )

    @contextlib.contextmanager
    def writer(self) -> Iterator[IO[bytes]]:
        """Open a temporary file inside the layout; hand it to :meth:`adopt` before leaving."""
        fd, name = tempfile.mkstemp(prefix=".incoming-", dir=self.path / "blobs")
        os.close(fd)
        try:
            with Path(name).open("wb") as file:
                yield file
        finally:
            Path(name).unlink(missing_ok=True)

    def adopt(self, file: IO[bytes], digest: str) -> None:
        """Give the bytes written through :meth:`writer` their name; the caller hashed them."""
        file.flush()
        path = Path(file.name)
        path.chmod(0o644)
        path.rename(self.blob_path(digest))

    def import_blob(self, source: Layout, descriptor: Descriptor) -> None:
        """Take a blob from another layout by hard link, or by a checked copy across devices."""
        target = self.blob_path(descriptor.digest)
        if target.exists():
            return
        origin = source.blob_path(descriptor.digest)
        try:
            os.link(origin, target)
        except FileExistsError:
            return
        except FileNotFoundError as error:
            raise CorruptLayoutError(f"{source.path} lacks blob {descriptor.digest}") from error
        except OSError:
            with origin.open("rb") as reader, self.writer() as file:
                shutil.copyfileobj(reader, file, 1 << 20)
                file.flush()
                with Path(file.name).open("rb") as written:
                    got = "sha256:" + hashlib.file_digest(written, "sha256").hexdigest()
                if got != descriptor.digest:
                    raise CorruptLayoutError(
                        f"blob {descriptor.digest} does not match its digest"
                    ) from None
                self.adopt(file, descriptor.digest)

    def import_image(self, source: Layout, top: Descriptor) -> None:
        """Take ``top`` (manifest or index) and everything under it from ``source``, each once."""
        found: dict[str, Descriptor] = {}
        pending = [top]
        while pending:
            here = pending.pop()
            if here.digest in found:
                continue
            found[here.digest] = here
            if here.media_type in INDEXES:
                pending += source.children(here)
            else:
                for descriptor in references(source.read_json(here)):
                    self.import_blob(source, descriptor)
        for here in found.values():
            self.import_blob(source, here)

    def write_index(self, manifests: Iterable[Descriptor]) -> None:
        """Replace ``index.json`` in one step."""
        index = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [m.to_json() for m in manifests],
        }
        self._replace("index.json", canonical_json(index))

    def prune(self) -> int:
        """Delete blobs that nothing in the index reaches; return how many bytes that freed."""
        keep: set[str] = set()
        pending = self.index()
        while pending:
            here = pending.pop()
            if here.digest in keep:
                continue
            keep.add(here.digest)
            if here.media_type in INDEXES:
                pending += self.children(here)
            elif here.media_type in MANIFESTS:
                keep.update(d.digest for d in references(self.read_json(here)))
        freed = 0
        for path in (self.path / "blobs" / "sha256").iterdir():
            if f"sha256:{path.name}" not in keep:
                freed += path.stat().st_size
                path.unlink()
        return freed

    def _replace(self, name: str, data: bytes) -> None:
        target = self.path / name
        fd, temporary = tempfile.mkstemp(prefix=".incoming-", dir=target.parent)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
            Path(temporary).chmod(0o644)
            Path(temporary).rename(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def _open_plain(path: Path) -> IO[bytes]:
    """Open a regular file; OSError for all else, which may never end, or never answer."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return os.fdopen(fd, "rb", buffering=0)
    os.close(fd)
    raise OSError(errno.EINVAL, "it is no regular file", str(path))


def references(manifest: dict[str, Any]) -> list[Descriptor]:
    """Return the config and layer descriptors of an image manifest, checked."""
    layers = manifest.get("layers")
    if not isinstance(layers, list):
        raise CorruptLayoutError("an image manifest has no list of layers")
    try:
        strictjson.exact(manifest, ("config", "layers"))
        return [Descriptor.from_json(d) for d in (manifest.get("config"), *layers)]
    except ValueError as error:
        raise CorruptLayoutError(f"an image manifest is malformed: {error}") from error
