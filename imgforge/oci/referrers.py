"""What refers to an image (distribution-spec 1.1, "Listing Referrers" and its fallback).

A registry with the referrers API lists by ``subject``; for any other, clients keep an index under
the tag ``sha256-<hex>``. Writers of that index can overwrite each other, so one adds at a time,
reads again, and adds again if it was lost.
"""

from __future__ import annotations

import random
import re
from typing import Any

from imgforge import strictjson
from imgforge.errors import RegistryError, TransientError
from imgforge.oci.layout import Layout
from imgforge.oci.reference import Reference
from imgforge.oci.registry import Registry
from imgforge.oci.types import (
    INDEX,
    INDEXES,
    MANIFEST,
    MAX_MANIFEST,
    Descriptor,
    canonical_json,
)

MAX_LISTED = 512
_PAGES = 64
_ROUNDS = 8
_NO_API = (400, 404, 405, 406)
_NEXT = re.compile(r'<([^>]+)>\s*;[^,]*\brel="?next"?')


def referrers(reference: str, digest: str) -> list[Descriptor]:
    """Return what the registry lists as referrers of ``digest``: claims, not yet checked."""
    with Registry(Reference.parse(reference)) as registry:
        return listed(registry, digest)


def listed(registry: Registry, digest: str) -> list[Descriptor]:
    """Return the listed referrers of ``digest`` by whichever way the registry has."""
    found: dict[str, Descriptor] = {}
    page = f"{registry.path}/referrers/{digest}"
    for _ in range(_PAGES):
        answer = registry.http.call("GET", page, accept=(200, *_NO_API), headers={"Accept": INDEX})
        kind = answer.headers.get("content-type", "").partition(";")[0].strip()
        if answer.status in _NO_API or kind != INDEX:
            return _of_index(registry, _fallback(registry, digest))
        try:
            value = strictjson.load_object(answer.body)
        except ValueError as error:
            raise RegistryError(f"{registry.reference.name}: GET {page}: {error}") from error
        found.update((d.digest, d) for d in _of_index(registry, value))
        following = _NEXT.search(answer.headers.get("link", ""))
        if following is None:
            return list(found.values())
        page = following[1]
        if len(found) > MAX_LISTED:
            break
    raise RegistryError(f"{registry.reference.name} lists over {MAX_LISTED} referrers of {digest}")


def put(registry: Registry, layout: Layout, referrer: Descriptor) -> None:
    """Put one referrer (its blobs, its manifest) and see to it that it is listed.

    RegistryError if it has no subject; TransientError if other writers keep overwriting us.
    """
    manifest = layout.read_json(referrer)
    try:
        subject = Descriptor.from_json(manifest.get("subject"))
    except ValueError as error:
        raise RegistryError(f"{referrer.digest} refers to nothing: {error}") from error
    registry.put_blobs(layout, referrer)
    # Put even if it is there: only the answer says whether the registry lists it by itself.
    answer = registry.put_manifest(referrer.digest, layout.read(referrer), referrer.media_type)
    if answer.headers.get("oci-subject") != subject.digest:
        _list(registry, subject.digest, _entry(referrer, manifest))


def _entry(referrer: Descriptor, manifest: dict[str, Any]) -> dict[str, Any]:
    config = manifest.get("config")
    named = config.get("mediaType") if isinstance(config, dict) else None
    return Descriptor(
        MANIFEST,
        referrer.digest,
        referrer.size,
        manifest.get("annotations") or {},
        artifact_type=manifest.get("artifactType") or named,
    ).to_json()


def _list(registry: Registry, digest: str, entry: dict[str, Any]) -> None:
    tag = digest.replace(":", "-")
    for _ in range(_ROUNDS):
        index = _fallback(registry, digest)
        entries = index["manifests"]
        if any(isinstance(e, dict) and e.get("digest") == entry["digest"] for e in entries):
            return
        data = canonical_json({**index, "manifests": [*entries, entry]})
        if len(data) > MAX_MANIFEST or len(entries) >= MAX_LISTED:
            raise RegistryError(f"{registry.reference.name}:{tag} has no room for more referrers")
        registry.put_manifest(tag, data, INDEX)
        registry.http.pause(random.uniform(0, 0.05))  # noqa: S311 - so that two writers part
    raise TransientError(
        f"others keep overwriting {registry.reference.name}:{tag}", hint="publish again"
    )


def _fallback(registry: Registry, digest: str) -> dict[str, Any]:
    tag = digest.replace(":", "-")
    found = registry.find(tag)
    if found is None:
        return {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
    descriptor, data = found
    value = strictjson.load_object(data)
    if descriptor.media_type not in INDEXES or not isinstance(value.get("manifests"), list):
        raise RegistryError(f"{registry.reference.name}:{tag} is no index of referrers")
    return value


def _of_index(registry: Registry, value: dict[str, Any]) -> list[Descriptor]:
    entries = value.get("manifests")
    if not isinstance(entries, list) or len(entries) > MAX_LISTED:
        raise RegistryError(
            f"{registry.reference.name} lists no referrers, or over {MAX_LISTED} of them"
        )
    try:
        return [Descriptor.from_json(entry) for entry in entries]
    except ValueError as error:
        raise RegistryError(
            f"{registry.reference.name} lists a malformed referrer: {error}"
        ) from error
