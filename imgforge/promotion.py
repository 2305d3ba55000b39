"""An image that was built before, on its way to registries, from a layout or from a registry.

What it must prove is asked first, as ``imgforge verify`` asks it, where it lies and by the names of
the repositories it goes to. A tag is resolved once; from then on all goes by digest. What a
registry lists as attached is a claim: it counts only if the artifact itself says so, and it is
judged again before it goes out.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from imgforge import sources
from imgforge.errors import EvidenceError, InvalidInputError, RegistryError, TransientError
from imgforge.oci import referrers as evidence
from imgforge.oci.layout import Layout, references
from imgforge.oci.reference import Reference
from imgforge.oci.registry import Registry
from imgforge.oci.types import INDEXES, Descriptor
from imgforge.publish import Pushed, publish, targets, together
from imgforge.shipment import Shipment, Terms, manifests, of_layout
from imgforge.sources import name as names

if TYPE_CHECKING:
    from imgforge.sources import Source
    from imgforge.verify.demand import Demand
    from imgforge.verify.inquiry import Inquiry
    from imgforge.verify.proven import Verified

MAX_ATTACHED = 512
"""The most artifacts that are carried along with one image."""
MAX_EVIDENCE = 1 << 30
"""Bytes; the most that all of them may hold."""
OLDER = (".sig", ".att")
"""What follows ``sha256-<hex>`` in the tags of cosign's older evidence."""

_NAME: Final = "org.opencontainers.image.ref.name"
_KINDS: Final = frozenset({names.PROJECT, names.LAYOUT, names.REGISTRY})


def gather(registry: Registry, layout: Layout, *, say: Callable[[str], None]) -> Shipment:
    """Bring what ``registry.reference`` names now, but for its blobs, and all that is attached.

    The image's own blobs stay in the registry until somebody needs them. EvidenceError if more is
    attached than is carried, RegistryError or TransientError as the registry has it.
    """
    image, data = registry.resolve()
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
    if claim.media_type in INDEXES:
        raise RegistryError(
            f"{registry.reference.name}: {claim.digest} is attached to {subject} and is an index",
            hint="only artifacts of one manifest can be carried along",
        )
    try:
        found, data, _ = evidence.read(registry, claim, subject)
    except ValueError as error:
        return f"which {error}"
    return layout.add(data, found.media_type)


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
    what: str,
    texts: Sequence[str],
    asked: Inquiry,
    *,
    say: Callable[[str], None],
    no_clobber: bool = False,
) -> tuple[Pushed, ...]:
    """Publish the image that ``what`` names, with all that is attached to it.

    ``texts`` are targets as :func:`imgforge.publish.targets` reads them; one without a tag gets
    the tags that the image has: those of the layout, or the one that ``what`` names. EvidenceError
    if the image is not what is asked, InvalidInputError if ``what`` is neither a project or layout
    nor a registry's; further errors as of :func:`gather` and :func:`imgforge.publish.publish`.
    """
    name = sources.parse(what)
    if name.kind not in _KINDS:
        raise InvalidInputError(
            f"{what} can be pushed from a layout only",
            hint="unpack an OCI archive: mkdir layout && tar -xf image.tar -C layout",
        )
    # A policy may ask more of what production gets than of what staging has.
    asked = replace(asked, goals=[goal.repository.name for goal in targets(texts, ())])
    terms = _terms(asked.demands(sources.title(name)))
    if name.kind == names.REGISTRY:
        proven = _proven(what, asked, say)
        source = Reference.parse(name.place)
        tags = (source.tag,) if source.tag is not None and source.digest is None else ()
        goals = targets(texts, tags)
        with _gathered(source.with_digest(proven.digest), say) as shipment:
            return publish(shipment, goals, terms, say=say, no_clobber=no_clobber)
    with sources.open_source(name, say=say, offline=True) as found:
        proven = _proven(what, asked, say)
        if not isinstance(found.blobs, Layout):
            raise TypeError(f"{name.kind} was opened as another thing than a layout")
        image = _listed(found, proven.digest)
        goals = targets(texts, tagged(found.blobs, image))
        shipment = of_layout(found.blobs, image)
        carried = {image.digest, *(referrer.digest for referrer in shipment.referrers)}
        for digest in dict.fromkeys(listed.digest for listed in found.blobs.index()):
            if digest not in carried:
                say(f"left where it is: {digest}, which is not attached to the image")
        return publish(shipment, goals, terms, say=say, no_clobber=no_clobber)


def tagged(layout: Layout, image: Descriptor) -> tuple[str, ...]:
    """Return the tags that the layout's index gives ``image`` (image-spec, annotations.md).

    Whole references, which other tools write there, are none.
    """
    listed = [d.annotations.get(_NAME, "") for d in layout.index() if d.digest == image.digest]
    return tuple(dict.fromkeys(name for name in listed if name and not set(name) & set("/:@")))


def _proven(what: str, asked: Inquiry, say: Callable[[str], None]) -> Verified:
    from imgforge.verify.inquiry import inquire

    say(f"verifying {what}")
    try:
        return inquire(what, asked, say)
    except EvidenceError as error:
        hint = error.hint or "sign it first, and attest what is demanded (imgforge build --key)"
        raise EvidenceError(error.message, details=error.details, hint=hint) from error


def _terms(demands: Sequence[Demand]) -> Terms:
    """Return the least that is held against what goes out: somebody who counts signed it."""
    from imgforge.verify import signatories

    signed_by = tuple(signatories.opened(by) for each in demands for by in each.signed_by)
    through = all(each.through_index for each in demands)
    return Terms(signed_by, others=True, through_index=through)


def _listed(found: Source, digest: str) -> Descriptor:
    """Return the image that was proven, as the open layout lists it."""
    for image in found.tops:
        if image.digest == digest:
            return Descriptor(image.media_type, image.digest, image.size)
    raise TransientError(
        f"{found.blobs.place} was changed while it was verified", hint="run the same command again"
    )


@contextlib.contextmanager
def _gathered(source: Reference, say: Callable[[str], None]) -> Iterator[Shipment]:
    with (
        tempfile.TemporaryDirectory(prefix="imgforge-promote-") as scratch,
        Registry(source) as registry,
    ):
        yield gather(registry, Layout.create(Path(scratch) / "layout"), say=say)
