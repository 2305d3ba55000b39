"""Images in tar archives: OCI's layouts, and what ``docker save`` writes.

Sources: image-spec, image-layout.md; Docker's image specification v1.2, "Combined Image JSON +
Filesystem Changeset Format".
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final, TypeGuard

from imgforge import strictjson
from imgforge.oci.layout import Blobs, CorruptLayoutError, references
from imgforge.oci.types import (
    CONFIG,
    INDEXES,
    LAYER_TAR,
    MANIFEST,
    MANIFESTS,
    MAX_MANIFEST,
    Descriptor,
    canonical_json,
    is_digest,
    sha256,
)
from imgforge.sources.members import Members

_REF_NAME: Final = "org.opencontainers.image.ref.name"
_MARKER, _INDEX, _MANIFEST = "oci-layout", "index.json", "manifest.json"
_COMPRESSED: Final = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")
_NAMED: Final = re.compile(r"(?:.*/)?([0-9a-f]{64})(?:\.json)?")
_MOST_LAYERS: Final = 10_000


class OciArchive(Blobs):
    """An OCI image layout as an archive."""

    def __init__(self, members: Members) -> None:
        self.place = members.place
        self._members = members
        marker = _read_json(members, _MARKER)
        if not isinstance(marker, dict) or marker.get("imageLayoutVersion") != "1.0.0":
            raise CorruptLayoutError(f"{self.place} has an unknown imageLayoutVersion")

    def open_blob(self, descriptor: Descriptor) -> IO[bytes]:
        """Open the member that is named by the digest."""
        return self._members.open(_blob(descriptor.digest))

    def open_index(self) -> IO[bytes]:
        """Open the member ``index.json``."""
        return self._members.open(_INDEX)


@dataclass(frozen=True, slots=True)
class Saved:
    """One image of ``manifest.json``: names of members, and ``repository:tag`` names."""

    config: str
    layers: tuple[str, ...]
    names: tuple[str, ...]


class DockerArchive(Blobs):
    """What ``docker save`` wrote. Its images have no manifests: a configuration names each.

    So the digest of an image is that of its configuration (Docker's image id), and the manifest
    is made up from ``manifest.json``. A layer's digest is its diff-id, unless it is compressed.
    """

    def __init__(self, members: Members) -> None:
        self.place = members.place
        self._members = members
        self._made: dict[str, dict[str, Any]] = {}
        self._names: dict[str, str] = {}
        self._tops = [top for image in saved(members) for top in self._image(image)]

    def open_blob(self, descriptor: Descriptor) -> IO[bytes]:
        """Open the member that holds a configuration or layer."""
        name = self._names.get(descriptor.digest)
        if name is None:
            raise FileNotFoundError(2, "the archive has no such layer", descriptor.digest)
        return self._members.open(name)

    def open_index(self) -> IO[bytes]:
        """Open an index of the images that ``manifest.json`` names."""
        return io.BytesIO(canonical_json({"manifests": [top.to_json() for top in self._tops]}))

    def read(self, descriptor: Descriptor, *, limit: int = MAX_MANIFEST) -> bytes:
        """Return a configuration, or the manifest that was made up for it."""
        if descriptor.media_type == MANIFEST and descriptor.digest in self._made:
            return canonical_json(self._made[descriptor.digest])
        return super().read(descriptor, limit=limit)

    def _image(self, image: Saved) -> list[Descriptor]:
        """Return the descriptors of one image, one for each of its names."""
        data = _read(self._members, image.config)
        digest = sha256(data)
        named = _NAMED.fullmatch(image.config)
        if named is not None and digest != f"sha256:{named[1]}":
            raise CorruptLayoutError(
                f"{self.place}: the configuration {image.config!a} has the digest {digest}"
            )
        self._names[digest] = image.config
        layers = [
            self._layer(name, wanted)
            for name, wanted in zip(image.layers, self._diff_ids(data, image), strict=True)
        ]
        self._made[digest] = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": Descriptor(CONFIG, digest, len(data)).to_json(),
            "layers": [layer.to_json() for layer in layers],
        }
        return [
            Descriptor(MANIFEST, digest, len(data), annotations={_REF_NAME: name} if name else {})
            for name in image.names or ("",)
        ]

    def _diff_ids(self, config: bytes, image: Saved) -> list[str]:
        what = f"{self.place}: the configuration {image.config!a}"
        try:
            rootfs = strictjson.load_object(config).get("rootfs")
        except ValueError as error:
            raise CorruptLayoutError(f"{what} is malformed: {error}") from error
        found = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
        if not isinstance(found, list) or not all(map(is_digest, found)):
            raise CorruptLayoutError(f"{what} lists no diff-ids")
        if len(found) != len(image.layers):
            raise CorruptLayoutError(
                f"{what} lists {len(found)} layers, and {_MANIFEST} {len(image.layers)}"
            )
        return found

    def _layer(self, name: str, diff_id: str) -> Descriptor:
        """Return a layer under its diff-id, or its own digest where that is another."""
        try:
            place, size = self._members.find(name)
            known = self._names.get(diff_id)
            with self._members.open(name) as file:
                packed = file.read(4).startswith(_COMPRESSED)
                file.seek(0)
                # Two members for one diff-id: whichever were read would speak for the other.
                if packed or (known is not None and self._members.find(known)[0] != place):
                    diff_id = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        except OSError as error:
            raise CorruptLayoutError(f"{self.place} lacks the layer {name!a}") from error
        self._names.setdefault(diff_id, name)
        return Descriptor(LAYER_TAR, diff_id, size)


def open_archive(members: Members, kind: str = "") -> Blobs:
    """Return what an archive holds: ``kind`` is ``oci``, ``docker`` or empty for what it is.

    An archive that is both has to say the same as both: tools differ in which they load.
    """
    if kind == "oci" or (not kind and _MARKER in members and _INDEX in members):
        found = OciArchive(members)
        if not kind and _MANIFEST in members:
            _agree(found, members)
        return found
    if kind == "docker" or _MANIFEST in members:
        return DockerArchive(members)
    if "repositories" in members:
        raise CorruptLayoutError(
            f"{members.place} was saved by Docker before 1.10: its layers have no digests",
            hint="load it, and save it again with a current Docker",
        )
    raise CorruptLayoutError(
        f"{members.place} holds no image",
        hint="an OCI archive has index.json and a Docker archive manifest.json at its top",
    )


def saved(members: Members) -> list[Saved]:
    """Read ``manifest.json``; CorruptLayoutError if it is malformed or names no image."""
    value = _read_json(members, _MANIFEST)
    if not isinstance(value, list) or not value:
        raise CorruptLayoutError(f"{members.place}: {_MANIFEST} names no image")
    try:
        return [_saved(entry, members.place) for entry in value]
    except ValueError as error:
        raise CorruptLayoutError(f"{members.place}: {_MANIFEST} is malformed: {error}") from error


def _saved(entry: object, place: str) -> Saved:
    value = entry if isinstance(entry, dict) else {}
    strictjson.exact(value, ("Config", "Layers", "RepoTags"))
    config, layers, names = value.get("Config"), value.get("Layers"), value.get("RepoTags")
    names = [] if names is None else names
    if not isinstance(config, str) or not _are_texts(layers) or not _are_texts(names):
        raise CorruptLayoutError(f"{place}: {_MANIFEST} is malformed")
    if len(layers) > _MOST_LAYERS:
        raise CorruptLayoutError(f"{place}: an image has over {_MOST_LAYERS} layers")
    return Saved(config, tuple(layers), tuple(names))


def _are_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _agree(blobs: OciArchive, members: Members) -> None:
    """Demand that ``manifest.json`` names only images that the index leads to."""
    known = set()
    for manifest in _manifests(blobs):
        config, *layers = references(manifest)
        known.add((_blob(config.digest), tuple(_blob(layer.digest) for layer in layers)))
    for image in saved(members):
        if (image.config, image.layers) not in known:
            raise CorruptLayoutError(
                f"{members.place} is two archives in one: {_MANIFEST} names an image that "
                f"{_INDEX} does not",
                hint="say which is meant with oci-archive: or docker-archive: before the name",
            )


def _manifests(blobs: Blobs) -> Iterator[dict[str, Any]]:
    pending, seen = blobs.index(), set[str]()
    while pending:
        here = pending.pop()
        if here.digest in seen or here.media_type not in MANIFESTS | INDEXES:
            continue
        seen.add(here.digest)
        try:
            blobs.open_blob(here).close()
        except OSError:
            continue  # docker save leaves out platforms that its store lacks
        if here.media_type in INDEXES:
            pending += blobs.children(here)
        else:
            yield blobs.read_json(here)


def _blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _read_json(members: Members, name: str) -> Any:  # noqa: ANN401 - decoded JSON of unknown shape
    try:
        return strictjson.loads(_read(members, name))
    except ValueError as error:
        raise CorruptLayoutError(f"{members.place}: {name} is not JSON: {error}") from error


def _read(members: Members, name: str) -> bytes:
    try:
        with members.open(name) as file:
            data = file.read(MAX_MANIFEST + 1)
    except OSError as error:
        raise CorruptLayoutError(f"{members.place} lacks {name!a}") from error
    if len(data) > MAX_MANIFEST:
        raise CorruptLayoutError(f"{members.place}: {name!a} is over {MAX_MANIFEST} bytes")
    return data
