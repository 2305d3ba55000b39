"""An image that lies in a registry, with all that is attached to it, on its way to another place.

The tag is resolved once; from then on all goes by digest. What a registry lists as attached is a
claim: it counts only if the artifact itself says so, and what it proves is judged elsewhere.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from imgforge.errors import EvidenceError, RegistryError
from imgforge.oci import referrers as evidence
from imgforge.oci.layout import Layout, references
from imgforge.oci.reference import Reference
from imgforge.oci.registry import Registry
from imgforge.oci.types import INDEXES, MANIFESTS, Descriptor
from imgforge.publish import Pushed, Shipment, Terms, manifests, publish, targets, together

MAX_ATTACHED = 512
"""The most artifacts that are carried along with one image."""
MAX_EVIDENCE = 1 << 30
"""Bytes; the most that all of them may hold."""
OLDER = (".sig", ".att")
"""What follows ``sha256-<hex>`` in the tags of cosign's older evidence."""


def gather(registry: Registry, layout: Layout, *, say: Callable[[str], None]) -> Shipment:
    """Bring what ``registry.reference`` names now, but for its blobs, and all that is attached.

    The image's own blobs stay in the registry until somebody needs them. EvidenceError if more is
    attached than is carried, RegistryError or TransientError as the registry has it.
    """
    image, data = registry.resolve()
    say(f"{registry.reference} is {image.digest}")
    layout.add(data, image.media_type)
    registry.fetch_manifests(image, layout, None)
    digests = manifests(layout, image)
    referrers = _attached(registry, layout, digests, say)
    older = tuple(_older(registry, layout, digests))
    blobs = {
        blob.digest: blob
        for manifest in (*referrers, *(m for _, m in older))
        for blob in references(layout.read_json(manifest))
    }
    if sum(blob.size for blob in blobs.values()) > MAX_EVIDENCE:
        raise EvidenceError(f"over {MAX_EVIDENCE} bytes are attached to {image.digest}")
    together([partial(registry.fetch_blob, blob, layout) for blob in blobs.values()])
    return Shipment(layout, image, tuple(referrers), older, registry)


def _attached(
    registry: Registry, layout: Layout, digests: Iterable[str], say: Callable[[str], None]
) -> list[Descriptor]:
    """Bring the artifacts attached to ``digests``, and those attached to these."""
    found: dict[str, Descriptor] = {}
    pending = list(digests)
    while pending:
        subject = pending.pop(0)
        for claim in evidence.listed(registry, subject):
            if claim.digest in found:
                continue
            referrer = _referrer(registry, layout, claim, subject)
            if isinstance(referrer, str):
                say(f"left where it is: {claim.digest}, {referrer}")
                continue
            found[referrer.digest] = referrer
            pending.append(referrer.digest)
            if len(found) > MAX_ATTACHED:
                raise EvidenceError(f"over {MAX_ATTACHED} things are attached to the image")
    return list(found.values())


def _referrer(
    registry: Registry, layout: Layout, claim: Descriptor, subject: str
) -> Descriptor | str:
    """Return an artifact that is listed for ``subject``, or why it is none."""
    here = registry.find(claim.digest)
    if here is None:
        return "which is listed and not there"
    descriptor, data = here
    if descriptor.media_type not in MANIFESTS:
        raise RegistryError(
            f"{registry.reference.name}: {claim.digest} is attached to {subject} and is an index",
            hint="only artifacts of one manifest can be carried along",
        )
    referrer = layout.add(data, descriptor.media_type)
    said = layout.read_json(referrer).get("subject")
    if not isinstance(said, dict) or said.get("digest") != subject:
        return "which is about something else"
    return referrer


def _older(
    registry: Registry, layout: Layout, digests: Iterable[str]
) -> Iterable[tuple[str, Descriptor]]:
    """Bring the manifests at the tags of cosign's older evidence."""
    for digest in digests:
        for suffix in OLDER:
            tag = digest.replace(":", "-") + suffix
            found = registry.find(tag)
            if found is None:
                continue
            if found[0].media_type in INDEXES:
                raise RegistryError(f"{registry.reference.with_tag(tag)} is an index")
            yield tag, layout.add(found[1], found[0].media_type)


def promote(
    source: Reference,
    texts: Sequence[str],
    terms: Terms,
    *,
    say: Callable[[str], None],
    no_clobber: bool = False,
) -> tuple[Pushed, ...]:
    """Publish what ``source`` names in another place, with all that is attached to it.

    ``texts`` are targets as :func:`imgforge.publish.targets` reads them; one without a tag gets
    the source's. Raises what :func:`gather` and :func:`imgforge.publish.publish` raise.
    """
    tagged = source.tag if source.digest is None else None
    goals = targets(texts, [tagged] if tagged else [])
    with (
        tempfile.TemporaryDirectory(prefix="imgforge-promote-") as scratch,
        Registry(source) as registry,
    ):
        layout = Layout.create(Path(scratch) / "layout")
        shipment = gather(registry, layout, say=say)
        return publish(shipment, goals, terms, say=say, no_clobber=no_clobber)
