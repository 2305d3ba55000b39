"""A stack as an artifact in a registry: one manifest a version, one layer, tagged by the version.

It is read the way it is written and no other: another type, a second layer, a compressed one or an
archive that :func:`imgforge.catalogs.tree.pack` would not have made is refused, unread as far as
that can be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from imgforge import cache, strictjson
from imgforge.catalogs import tree
from imgforge.errors import BuildFailedError, RegistryError
from imgforge.oci.layout import CorruptLayoutError, Layout, references
from imgforge.oci.origin import same_origin
from imgforge.oci.reference import Reference
from imgforge.oci.types import EMPTY, EMPTY_JSON, MANIFEST, Descriptor, is_digest, sha256

if TYPE_CHECKING:
    from imgforge.oci.registry import Registry
    from imgforge.stack import LoadedStack

TYPE: Final = "application/vnd.imgforge.stack.v1"
LAYER: Final = "application/vnd.imgforge.stack.layer.v1.tar"
MAX_TAGS: Final = 10_000
_PAGES: Final = 64
_MAX_MANIFEST: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Artifact:
    """What a registry has: the manifest's digest, and the files in its layer."""

    digest: str
    files: dict[str, bytes]


def write(layout: Layout, stack: LoadedStack, files: tree.Files) -> Descriptor:
    """Store a stack in ``layout``; the same stack is the same digest, whoever publishes it."""
    about = stack.definition
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": TYPE,
        "config": layout.add(EMPTY_JSON, EMPTY).to_json(),
        "layers": [layout.add(tree.pack(files), LAYER).to_json()],
        "annotations": {
            "org.opencontainers.image.title": about.name,
            "org.opencontainers.image.description": about.summary,
            "org.opencontainers.image.version": about.version,
            "dev.imgforge.stack.digest": stack.digest,
        },
    }
    return layout.add_json(manifest, MANIFEST)


def tags(registry: Registry) -> list[str]:
    """Return the tags of a repository (distribution-spec 1.1, "Listing Tags"); none without it.

    RegistryError if they are without end, malformed, or lead to another registry.
    """
    from imgforge.oci.referrers import NEXT

    name = registry.reference.name
    page = str(registry.http.join(f"{registry.path}/tags/list?{urlencode({'n': 1000})}"))
    found: dict[str, None] = {}
    for _ in range(_PAGES):
        answer = registry.http.call("GET", page, accept=(200, 404))
        if answer.status == 404:  # noqa: PLR2004 - HTTP
            return []
        try:
            listed: Any = strictjson.load_object(answer.body).get("tags") or []
        except ValueError as error:
            raise RegistryError(f"{name} lists its tags malformed: {error}") from error
        if not isinstance(listed, list) or not all(isinstance(tag, str) for tag in listed):
            raise RegistryError(f"{name} lists its tags malformed")
        found.update(dict.fromkeys(listed))
        following = NEXT.search(answer.headers.get("link", ""))
        if following is None:
            return list(found)
        link = registry.http.join(following[1], answer.url)
        if not same_origin(link, registry.http.base) or len(found) > MAX_TAGS:
            raise RegistryError(f"{name} lists its tags without end, or leads elsewhere for more")
        page = str(link)
    raise RegistryError(f"{name} lists its tags without end")


def fetch(reference: Reference, *, offline: bool, say: Callable[[str], None]) -> Artifact:
    """Return the artifact that ``reference`` names; one named by digest comes from the cache.

    RegistryError if it is no stack or not what its digests say, BuildFailedError if this run is
    ``offline`` and it is not held. Nothing is believed here of who made it.
    """
    held = Layout.create(cache.directory("stacks"))
    if reference.digest is not None and held.has(reference.digest):
        try:
            return _held(held, reference.digest)
        except CorruptLayoutError:
            if offline:
                raise
    if offline:
        raise BuildFailedError(
            f"the stack {reference} is not in the cache and this run is offline",
            hint="run it once with the network, or leave --offline out",
        )
    from imgforge.oci.registry import Registry

    say(f"fetching {reference}")
    with Registry(reference) as registry:
        top, data = registry.resolve()
        layer = _layer(data, str(reference))
        with held.writer() as file:
            registry.copy_blob(layer, file)
            file.flush()
            held.adopt(file, layer.digest)
    files = _files(held, layer, str(reference))
    held.add(data, top.media_type)
    return Artifact(top.digest, files)


def _held(layout: Layout, digest: str) -> Artifact:
    cache.used(layout.blob_path(digest))
    try:
        with layout.blob_path(digest).open("rb") as file:
            data = file.read(_MAX_MANIFEST + 1)
    except OSError as error:  # collected meanwhile
        raise CorruptLayoutError(f"the cache's {digest} cannot be read: {error}") from error
    if sha256(data) != digest:
        raise CorruptLayoutError(f"the cache's {digest} is spoiled")
    layer = _layer(data, digest)
    cache.used(layout.blob_path(layer.digest))
    return Artifact(digest, _files(layout, layer, digest))


def _files(layout: Layout, layer: Descriptor, place: str) -> dict[str, bytes]:
    try:
        return tree.unpack(layout.read(layer, limit=layer.size))
    except ValueError as error:
        raise RegistryError(f"{place} is no stack: {error}") from error


def _layer(data: bytes, place: str) -> Descriptor:
    """Return the one layer of a stack's manifest; RegistryError if it is another thing's."""
    try:
        return _only_layer(data)
    except (ValueError, CorruptLayoutError) as error:
        raise RegistryError(
            f"{place} is no stack: {error}", hint="imgforge stack publish makes them"
        ) from error


def _only_layer(data: bytes) -> Descriptor:
    if len(data) > _MAX_MANIFEST:
        raise ValueError("its manifest is too large")
    manifest = strictjson.load_object(data)
    strictjson.exact(manifest, ("artifactType", "config", "layers", "mediaType"))
    kind = manifest.get("artifactType")
    if manifest.get("mediaType") != MANIFEST or kind != TYPE:
        raise ValueError(f"it is of the type {kind!a:.100}, not {TYPE}")
    config, *layers = references(manifest)
    if config.media_type != EMPTY or [layer.media_type for layer in layers] != [LAYER]:
        raise ValueError("it has another config or other layers than a stack has")
    if layers[0].size > tree.MAX_ARCHIVE:
        raise ValueError("its layer is too large")
    return layers[0]


def pinned(reference: str, revision: str) -> Reference:
    """Return the reference of a digest in a repository; ValueError if one of them is malformed."""
    if not is_digest(revision):
        raise ValueError(f"{revision!r} is no digest")
    return Reference.parse(reference).with_digest(revision)
