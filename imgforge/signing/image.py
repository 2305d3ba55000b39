"""Signing an image in a layout: one statement says it is signed, one per predicate describes it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from imgforge import strictjson
from imgforge.errors import EvidenceError
from imgforge.oci.layout import Layout
from imgforge.oci.types import Descriptor
from imgforge.signing import statement
from imgforge.signing.bundle import MAX_SIZE, MEDIA_TYPE
from imgforge.signing.sealer import Sealer


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
    """Sign ``image`` (a manifest or an index) and attach the evidence to it.

    ``name`` names the image in each statement; ``predicates`` are pairs of predicate type and
    JSON; ``created`` is in seconds since 1970. ``subjects`` are further digests that the
    predicates (not the signature) speak of, such as the platforms of an index. Returns the
    referrers, the signature's first; they are not in the layout's index until the caller lists
    them. EvidenceError if a predicate is not JSON or a bundle would be over its limit; whatever
    ``sealer`` raises.
    """
    only = (statement.Subject(name, image.digest),)
    described = (*only, *(statement.Subject(name, d.digest) for d in subjects))
    said = [(statement.SIGNATURE, statement.about(only, statement.SIGNATURE, {}).to_bytes())]
    for kind, data in predicates:
        try:
            predicate = strictjson.load_object(data)
            said.append((kind, statement.about(described, kind, predicate).to_bytes()))
        except ValueError as error:
            raise EvidenceError(f"the predicate {kind} cannot be signed: {error}") from error
    return [
        _attach(layout, image, kind, _bundle(sealer, kind, payload), created)
        for kind, payload in said
    ]


def _bundle(sealer: Sealer, kind: str, payload: bytes) -> bytes:
    data = sealer.seal(payload)
    if len(data) > MAX_SIZE:
        raise EvidenceError(f"the bundle for {kind} would be over {MAX_SIZE} bytes")
    return data


def _attach(
    layout: Layout, image: Descriptor, kind: str, bundle: bytes, created: int
) -> Descriptor:
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
