"""What refers to an image (distribution-spec 1.1, "Listing Referrers" and its fallback).

A registry with the referrers API lists by ``subject``; for any other, clients keep an index under
the tag ``sha256-<hex>``. Writers of that index can overwrite each other, so each adds all it has
in one write, waits, reads again, and adds again what was lost.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Sequence
from typing import Any

from imgforge import strictjson
from imgforge.errors import RegistryError, TransientError
from imgforge.oci.layout import Layout
from imgforge.oci.origin import same_origin, shown
from imgforge.oci.reference import Reference
from imgforge.oci.registry import Registry
from imgforge.oci.types import (
    INDEX,
    INDEXES,
    MANIFEST,
    MANIFESTS,
    MAX_MANIFEST,
    Descriptor,
    canonical_json,
    sha256,
)

MAX_LISTED = 512
_PAGES = 64
_TRIES = 3
"""How often what was put and is not listed is put."""
_ROUNDS, _LONGEST = 64, 120.0
"""How often, and for how many seconds, one tries to add to a fallback tag."""
_SETTLE, _MARGIN, _CONTENDED = 0.05, 5, 4
"""For how long entries must stay: seconds; times what a write took; more beside others."""
_SLOWEST = 15.0
_LOOK = 0.05
"""Seconds before a registry that is said to lack something is asked again."""
_REMEDY = "delete evidence of old scans from the repository, or push the image to a new one"
_NO_API = (400, 404, 405, 406)
NEXT = re.compile(r'<([^>]+)>\s*;[^,]*\brel="?next"?')


def referrers(reference: str, digest: str) -> list[Descriptor]:
    """Return what the registry lists as referrers of ``digest``: claims, not yet checked."""
    with Registry(Reference.parse(reference)) as registry:
        return listed(registry, digest)


def listed(registry: Registry, digest: str, *, most: int = 0) -> list[Descriptor]:
    """Return the listed referrers of ``digest`` by whichever way the registry has.

    RegistryError if they are over ``MAX_LISTED``, malformed, or not all of them. With ``most`` only
    so many are returned, the first, however many there are: whoever looks for one good thing must
    not be kept from it by the number of others.
    """
    found = _by_api(registry, digest, most)
    if found is not None:
        return found
    return _of_index(registry, _fallback(registry, digest, most), digest, most)


def read(
    registry: Registry, claim: Descriptor, subject: str
) -> tuple[Descriptor, bytes, dict[str, Any]]:
    """Return an artifact that is listed for ``subject``: what it is, its bytes, its manifest.

    The listing is a claim, so that the artifact itself must refer to ``subject``. ValueError with
    the reason if it is none.
    """
    found = registry.find(claim.digest)
    if found is None or found[0].media_type not in MANIFESTS:
        raise ValueError("is listed, and is no manifest or is gone")
    manifest = strictjson.load_object(found[1])
    said = manifest.get("subject")
    if not isinstance(said, dict) or said.get("digest") != subject:
        raise ValueError("is listed, and refers to something else")
    return (*found, manifest)


def _by_api(registry: Registry, digest: str, most: int = 0) -> list[Descriptor] | None:
    """Return what the referrers API lists, None if the registry has none."""
    found: dict[str, Descriptor] = {}
    page = str(registry.http.join(f"{registry.path}/referrers/{digest}"))
    seen = {page}
    while True:
        answer = registry.http.call("GET", page, accept=(200, *_NO_API), headers={"Accept": INDEX})
        kind = answer.headers.get("content-type", "").partition(";")[0].strip()
        if answer.status in _NO_API or kind != INDEX:
            if len(seen) == 1:
                return None
            raise RegistryError(
                f"{registry.reference.name} lists referrers of {digest}, but not to the end",
                details=[f"GET {page}: status {answer.status}, {kind[:100]!a}"],
            )
        if answer.headers.get("oci-filters-applied", "").strip():
            raise RegistryError(
                f"{registry.reference.name} holds back referrers of {digest}, unasked"
            )
        try:
            value = strictjson.load_object(answer.body)
        except ValueError as error:
            raise RegistryError(f"{registry.reference.name}: GET {page}: {error}") from error
        found.update((d.digest, d) for d in _of_index(registry, value, digest, most))
        if most and len(found) >= most:
            return list(found.values())[:most]
        if len(found) > MAX_LISTED:
            raise _too_many(registry, digest)
        following = NEXT.search(answer.headers.get("link", ""))
        if following is None:
            return list(found.values())
        page = _next(registry, following[1], answer.url)
        if page in seen or len(seen) == _PAGES:
            raise RegistryError(
                f"{registry.reference.name} lists referrers of {digest} without end",
                details=[f"after {len(seen)} pages: {page[:200]!a}"],
            )
        seen.add(page)


def _next(registry: Registry, link: str, page: str) -> str:
    following = registry.http.join(link, page)
    if not same_origin(following, registry.http.base):
        raise RegistryError(
            f"{registry.reference.name} leads to {shown(following)} for more referrers"
        )
    return str(following)


def attach(registry: Registry, layout: Layout, referrers: Sequence[Descriptor]) -> None:
    """Put referrers one after another, and again those that vanished, until all are listed.

    Where the registry does not list them by itself, they are added to the index under the fallback
    tag of each subject in one write. RegistryError if one has no subject, there is no room, or the
    registry takes them and does not list them; TransientError if others keep overwriting us.
    """
    about = {r.digest: _subject(layout, r).digest for r in referrers}
    missing = list(referrers)
    for _ in range(_TRIES):
        _put(registry, layout, missing)
        present = {
            found.digest
            for subject in sorted(set(about.values()))
            for found in listed(registry, subject)
        }
        missing = [r for r in referrers if r.digest not in present]
        if not missing:
            return
    raise RegistryError(
        f"{registry.reference.name} does not list {missing[0].digest} as a referrer "
        f"of {about[missing[0].digest]}"
    )


def _subject(layout: Layout, referrer: Descriptor) -> Descriptor:
    try:
        return Descriptor.from_json(layout.read_json(referrer).get("subject"))
    except ValueError as error:
        raise RegistryError(f"{referrer.digest} refers to nothing: {error}") from error


def _put(registry: Registry, layout: Layout, referrers: Sequence[Descriptor]) -> None:
    """Put referrers (their blobs, their manifests), and list those that the registry did not."""
    subjects: dict[str, list[dict[str, Any]]] = {}
    for referrer in referrers:
        subject = _subject(layout, referrer).digest
        registry.put_blobs(layout, referrer)
        # Put even if it is there: only the answer says whether the registry lists it by itself.
        answer = registry.put_manifest(referrer.digest, layout.read(referrer), referrer.media_type)
        if answer.headers.get("oci-subject") != subject:
            entry = _entry(referrer, layout.read_json(referrer))
            subjects.setdefault(subject, []).append(entry)
    for digest, entries in subjects.items():
        # Some have the API and do not say so.
        known = {found.digest for found in _by_api(registry, digest) or ()}
        if missing := [entry for entry in entries if entry["digest"] not in known]:
            _list(registry, digest, missing)


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


def _list(registry: Registry, digest: str, entries: Sequence[dict[str, Any]]) -> None:
    """Add entries to the index under the fallback tag until they stay there.

    Whoever writes replaces the whole, and no registry compares before it does. One who read before
    our write and writes after it takes our entries away, and then sees its own and is content. So
    ours count only when they stayed for much longer than reading and writing takes here, and for
    longer still where others were seen to write.
    """
    place = f"{registry.reference.name}:{digest.replace(':', '-')}"
    started = time.monotonic()
    slowest, alone, wrote = _SETTLE / _MARGIN, True, 0
    expected: str | None = None
    kept_since = 0.0
    while wrote < _ROUNDS and time.monotonic() - started < _LONGEST:
        begun = time.monotonic()
        index = _fallback(registry, digest)
        now = sha256(canonical_json(index))
        known = {entry.get("digest") for entry in index["manifests"]}
        missing = [entry for entry in entries if entry["digest"] not in known]
        alone = alone and (not wrote or now == expected)
        expected = now
        if missing:
            made = {**index, "manifests": [*index["manifests"], *missing]}
            written = _write(registry, digest, made, place)
            wrote += 1
            expected, kept_since = sha256(canonical_json(written)), time.monotonic()
            if written is made:
                slowest = max(slowest, kept_since - begun)
        elif not wrote:
            return
        settle = min(_MARGIN * slowest * (1 if alone else _CONTENDED), _SLOWEST)
        if not missing and begun - kept_since >= settle:
            return
        # Writers that were overwritten at once must not write again at once.
        registry.http.pause(settle * random.uniform(0.3, 0.6))  # noqa: S311 - jitter
    raise TransientError(f"others keep overwriting {place}", hint="publish again")


def _write(registry: Registry, digest: str, index: dict[str, Any], place: str) -> dict[str, Any]:
    """Write the index under the fallback tag and return it, without what was deleted since."""
    data = canonical_json(index)
    if len(data) > MAX_MANIFEST or len(index["manifests"]) > MAX_LISTED:
        raise RegistryError(
            f"{place} has no room for more referrers ({len(index['manifests'])})",
            hint=_REMEDY,
        )
    tag = digest.replace(":", "-")
    try:
        registry.put_manifest(tag, data, INDEX)
    except RegistryError:
        # A registry may refuse an index of things that it has not.
        there = [e for e in index["manifests"] if _is_there(registry, e["digest"])]
        if len(there) == len(index["manifests"]):
            raise
        index = {**index, "manifests": there}
        registry.put_manifest(tag, canonical_json(index), INDEX)
    return index


def _is_there(registry: Registry, digest: str) -> bool:
    if registry.has_manifest(digest):
        return True
    registry.http.pause(_LOOK)
    return registry.has_manifest(digest)


def _fallback(registry: Registry, digest: str, most: int = 0) -> dict[str, Any]:
    """Return the index under the fallback tag, each thing in it once, or an empty one."""
    tag = digest.replace(":", "-")
    found = registry.find(tag)
    if found is None:
        # Docker's registry has no tag while it writes it.
        registry.http.pause(_LOOK)
        found = registry.find(tag)
    if found is None:
        return {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
    descriptor, data = found
    value = strictjson.load_object(data)
    if descriptor.media_type not in INDEXES or not isinstance(value.get("manifests"), list):
        raise RegistryError(f"{registry.reference.name}:{tag} is no index of referrers")
    if most:
        value = {**value, "manifests": value["manifests"][:most]}
    _of_index(registry, value, digest)
    once = {entry["digest"]: entry for entry in value["manifests"]}
    return {**value, "mediaType": INDEX, "manifests": list(once.values())}


def _of_index(
    registry: Registry, value: dict[str, Any], digest: str, most: int = 0
) -> list[Descriptor]:
    entries = value.get("manifests")
    if not isinstance(entries, list):
        raise RegistryError(f"{registry.reference.name} answers with no list of referrers")
    if most:
        entries = entries[:most]
    if len(entries) > MAX_LISTED:
        raise _too_many(registry, digest)
    try:
        return [Descriptor.from_json(entry) for entry in entries]
    except ValueError as error:
        raise RegistryError(
            f"{registry.reference.name} lists a malformed referrer: {error}"
        ) from error


def _too_many(registry: Registry, digest: str) -> RegistryError:
    return RegistryError(
        f"{registry.reference.name} lists over {MAX_LISTED} referrers of {digest}", hint=_REMEDY
    )
