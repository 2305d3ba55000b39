"""What signatures prove about an image, and whether that is what is demanded.

A demand (:mod:`.demand`) is plain data: who must have signed, and what must be attested. What is
attached to the image is gathered (:mod:`.attached`) and judged (:mod:`.judge`): nothing is believed
for being attached. Who attached it, its annotations and the hint at a key prove nothing.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.errors import EvidenceError
from imgforge.oci.layout import Blobs, CorruptLayoutError, Layout
from imgforge.oci.reference import Reference
from imgforge.oci.selection import select
from imgforge.oci.types import INDEXES, MANIFESTS, Descriptor, Platform
from imgforge.oci.whole import hash_blobs
from imgforge.signing.statement import SIGNATURE, TYPES
from imgforge.verify.attached import MAX_BUNDLES, Attached, InLayout, InRegistry, hasten
from imgforge.verify.demand import OURS, Attested, Demand, SignedBy, by_key
from imgforge.verify.proven import Attestation, Verified
from imgforge.verify.signed import signature

if TYPE_CHECKING:
    from imgforge.signing.signatory import Signatory

__all__ = [
    "MAX_BUNDLES",
    "OURS",
    "TYPES",
    "Attestation",
    "Attested",
    "Demand",
    "SignedBy",
    "Verified",
    "by_key",
    "signature",
    "verify_layout",
    "verify_registry",
]


@dataclass(frozen=True, slots=True)
class _Bench:
    """A demand, and those who may meet it."""

    demand: Demand
    who: tuple[Signatory, ...]

    def __str__(self) -> str:
        if len(self.who) == 1:
            return str(self.who[0])
        return f"any of {len(self.who)} signatories ({'; '.join(map(str, self.who))})"


def verify_layout(
    layout: Blobs,
    image: Descriptor,
    *demands: Demand,
    platforms: Collection[Platform] | None = None,
    deep: bool = False,
    offline: bool = False,
) -> Verified:
    """Demand all of ``demands`` of ``image``, which lies with its evidence in a layout or archive.

    An index must be signed itself, and each image in it (only those of ``platforms`` if given, all
    of which must be there) must prove all that is demanded. With ``deep`` every blob of the images
    is hashed. With ``offline`` no socket is opened. EvidenceError with the first reason otherwise;
    InvalidInputError if what a demand names cannot be read.
    """
    benches = _benches(demands, offline=offline)
    try:
        images = _images(layout, image, platforms)
        if deep:
            for each in images:
                hash_blobs(layout, each)
        return _verified(InLayout(layout), image, images, benches, layout)
    except CorruptLayoutError as error:
        raise EvidenceError(error.message, details=error.details) from error


def verify_registry(
    reference: str,
    *demands: Demand,
    platforms: Collection[Platform] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Verified:
    """Resolve ``reference`` once to a digest and demand the same of what the registry has there.

    The image's own layers are fetched only if an SBOM must be true of them. Further errors:
    InvalidInputError, RegistryError, TransientError: what does not answer may have the evidence.
    """
    from imgforge.oci.registry import Registry

    benches = _benches(demands, offline=False)
    named = Reference.parse(reference)
    with ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="imgforge-verify-"))
        registry = stack.enter_context(Registry(named))
        hasten(registry)
        layout = Layout.create(Path(scratch) / "layout")
        top, data = registry.resolve()
        if named.digest is None:
            say(f"{reference} is {top.digest}")
        layout.add(data, top.media_type)
        registry.fetch_manifests(top, layout, platforms)
        content: Blobs | None = None
        if any(attested.true for demand in demands for attested in demand.attested):
            from imgforge.sources.remote import Remote

            content = stack.enter_context(Remote(named.with_digest(top.digest), say))
        try:
            images = _images(layout, top, platforms)
            return _verified(InRegistry(registry, layout), top, images, benches, content)
        except CorruptLayoutError as error:
            raise EvidenceError(error.message, details=error.details) from error


def _benches(demands: Sequence[Demand], *, offline: bool) -> list[_Bench]:
    """Open all signatories; EvidenceError if nobody is named, for anybody would do then."""
    from imgforge.verify import signatories

    if not demands or not all(demand.signed_by for demand in demands):
        raise EvidenceError("nothing says who must have signed the image")
    return [
        _Bench(demand, tuple(signatories.opened(by, offline=offline) for by in demand.signed_by))
        for demand in demands
    ]


def _images(
    blobs: Blobs, top: Descriptor, platforms: Collection[Platform] | None
) -> list[Descriptor]:
    """Return the images that are asked about; what only accompanies them in an index is left out.

    EvidenceError if one of ``platforms`` is lacking.
    """
    from imgforge.sources.parts import is_image

    if platforms is None:
        found = blobs.images(top)
    elif top.media_type not in INDEXES:
        raise EvidenceError(f"{top.digest} is one image, not an index of platforms")
    else:
        try:
            chosen = select(blobs.children(top), platforms)
        except ValueError as error:
            raise EvidenceError(f"{top.digest}: {error}") from error
        found = [image for each in chosen for image in blobs.images(each)]
    images = [image for image in found if is_image(blobs.read_json(image))]
    if not images:
        raise EvidenceError(f"{top.digest} holds no image")
    return images


def _verified(
    where: Attached,
    top: Descriptor,
    images: Sequence[Descriptor],
    benches: Sequence[_Bench],
    content: Blobs | None,
) -> Verified:
    """Judge ``top`` and the images under it; ``content`` has their layers, if they were wanted."""
    from imgforge.verify import judge
    from imgforge.verify.conditions import Judged

    day = dt.datetime.now(dt.UTC).date()

    def proven(image: Descriptor, *also: str, signed: bool = False) -> Verified:
        found: list[Attestation] = []
        for bench in benches:
            demand = replace(bench.demand, attested=()) if signed else bench.demand
            digests = [image.digest, *(also if demand.through_index else ())]
            heard = judge.evidence(where, digests, demand, bench.who)
            subject = Judged(image.digest, content, image, day)
            found += judge.met(heard, demand, str(bench), subject)
        unique = {(each.bundle, each.proof.signer): each for each in found}
        return Verified(image.digest, tuple(sorted(unique.values(), key=_place)))

    if top.media_type in MANIFESTS:
        return proven(top)
    index = proven(top, signed=True)
    under = tuple((image.platform, proven(image, top.digest)) for image in images)
    return replace(index, platforms=under)


def _place(each: Attestation) -> tuple[int, str]:
    """Order what was proven: the signature, then the types that have names, then the others."""
    known = (SIGNATURE, *TYPES.values())
    kind = each.predicate_type
    return (known.index(kind) if kind in known else len(known), kind)
