"""Signing an image in a layout: one statement says it is signed, one per predicate describes it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from imgforge import strictjson
from imgforge.errors import EvidenceError
from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor
from imgforge.signing import statement
from imgforge.signing.bundle import MAX_SIZE, MEDIA_TYPE
from imgforge.signing.sealer import Sealer, seal_all


@dataclass(frozen=True, slots=True)
class Said:
    """A statement of predicate type ``kind`` that is to be attached to ``image``."""

    image: Descriptor
    kind: str
    statement: bytes


def said_of(
    image: Descriptor,
    *,
    name: str,
    predicates: Sequence[tuple[str, bytes]] = (),
    subjects: Sequence[Descriptor] = (),
    signed: bool = True,
) -> list[Said]:
    """Return the statements about ``image`` (a manifest or an index), the signature's first.

    ``name`` names the image in each statement; ``predicates`` are pairs of predicate type and
    JSON. ``subjects`` are further digests that the predicates (not the signature) speak of, such
    as the platforms of an index. Without ``signed`` there is no statement that it is signed.
    EvidenceError if a predicate is not JSON.
    """
    only = (statement.Subject(name, image.digest),)
    described = (*only, *(statement.Subject(name, d.digest) for d in subjects))
    said = []
    if signed:
        whole = statement.about(only, statement.SIGNATURE, {}).to_bytes()
        said.append(Said(image, statement.SIGNATURE, whole))
    for kind, data in predicates:
        try:
            predicate = strictjson.load_object(data)
            text = statement.about(described, kind, predicate).to_bytes()
        except ValueError as error:
            raise EvidenceError(f"the predicate {kind} cannot be signed: {error}") from error
        said.append(Said(image, kind, text))
    return said


def attach_all(
    layout: Layout, said: Sequence[Said], sealer: Sealer, created: int
) -> list[Descriptor]:
    """Seal all statements, together, and attach each; return the referrers in the same order.

    ``created`` is in seconds since 1970. The referrers are not in the layout's index until the
    caller lists them. EvidenceError if a bundle would be over its limit; what ``sealer`` raises.
    """
    bundles = seal_all(sealer, [each.statement for each in said])
    for each, data in zip(said, bundles, strict=True):
        if len(data) > MAX_SIZE:
            raise EvidenceError(f"the bundle for {each.kind} would be over {MAX_SIZE} bytes")
    return [
        attach(layout, each.image, each.kind, data, created)
        for each, data in zip(said, bundles, strict=True)
    ]


def sign_image(
    layout: Layout,
    image: Descriptor,
    sealer: Sealer,
    *,
    name: str,
    predicates: Sequence[tuple[str, bytes]] = (),
    created: int,
    subjects: Sequence[Descriptor] = (),
) -> list[Descriptor]:
    """Sign ``image`` and attach the evidence to it: :func:`said_of`, then :func:`attach_all`."""
    said = said_of(image, name=name, predicates=predicates, subjects=subjects)
    return attach_all(layout, said, sealer, created)


def attach(layout: Layout, image: Descriptor, kind: str, bundle: bytes, created: int) -> Descriptor:
    """Store ``bundle``, which says ``kind`` of ``image``, as cosign does; see Layout.attach."""
    return layout.attach(
        image,
        bundle,
        MEDIA_TYPE,
        {
            "dev.sigstore.bundle.content": "dsse-envelope",
            "dev.sigstore.bundle.predicateType": kind,
            "org.opencontainers.image.created": time.strftime(
                "%Y-%m-%dT%H:%M:%SZ", time.gmtime(created)
            ),
        },
    )
