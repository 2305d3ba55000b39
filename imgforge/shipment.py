"""What goes out to registries, and whether it may: an image with its evidence, held against terms.

Nothing is believed for being attached, and nothing is sent here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgforge.errors import EvidenceError
from imgforge.oci.layout import CorruptLayoutError, Layout, references
from imgforge.oci.types import INDEXES, MANIFESTS, Descriptor
from imgforge.signing import simple
from imgforge.signing.bundle import MAX_SIZE, MEDIA_TYPES
from imgforge.signing.statement import SIGNATURE, Statement

if TYPE_CHECKING:
    from imgforge.oci.registry import Registry
    from imgforge.signing.signatory import Signatory


@dataclass(frozen=True, slots=True)
class Shipment:
    """An image, and all that is attached to it or to an image in it.

    ``referrers`` are artifacts whose ``subject`` is one of these, or another of the referrers.
    ``older`` are manifests by the tags at which cosign's older signatures and attestations lie.
    ``origin`` is the repository that has the image's blobs where ``layout`` lacks them.
    """

    layout: Layout
    image: Descriptor
    referrers: tuple[Descriptor, ...]
    older: tuple[tuple[str, Descriptor], ...] = ()
    origin: Registry | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What must hold of a shipment before any of it goes out.

    One of ``signed_by`` must have signed the image and, of an index, every image in it; with
    ``through_index`` the index's own signature is enough, since it names its images by digest.
    With ``others`` evidence that none of them signed may go along; it proves nothing.
    """

    signed_by: tuple[Signatory, ...]
    others: bool = False
    through_index: bool = False


def of_layout(layout: Layout, image: Descriptor) -> Shipment:
    """Return ``image`` with the artifacts in the layout's index that are attached to it.

    CorruptLayoutError if the layout is not what it says.
    """
    attached: dict[str, list[Descriptor]] = {}
    for listed in layout.index():
        if listed.media_type in MANIFESTS:
            subject = layout.read_json(listed).get("subject")
            if isinstance(subject, dict):
                attached.setdefault(str(subject.get("digest")), []).append(listed)
    found: dict[str, Descriptor] = {}
    pending = manifests(layout, image)
    while pending:
        for referrer in attached.pop(pending.pop(0), []):
            found[referrer.digest] = referrer
            pending.append(referrer.digest)
    return Shipment(layout, image, tuple(found.values()))


def check(shipment: Shipment, terms: Terms) -> tuple[str, ...]:
    """Hold a shipment against ``terms``; return the referrers that none of them signed.

    EvidenceError with the first reason if an image is not signed, an artifact is about something
    else, or evidence is not signed and ``terms`` do not let it go along. TransientError if a
    trusted root or a log is needed and does not answer.
    """
    try:
        return _checked(shipment, terms)
    except CorruptLayoutError as error:
        raise EvidenceError(error.message, details=error.details) from error


def _checked(shipment: Shipment, terms: Terms) -> tuple[str, ...]:
    subjects = _subjects(shipment)
    signed, foreign = set[str](), list[str]()
    refused: dict[str, list[str]] = {}
    for referrer in shipment.referrers:
        subject = subjects[referrer.digest]
        try:
            if _proven(shipment.layout, referrer, subject, terms) == SIGNATURE:
                signed.add(subject)
        except ValueError as error:
            foreign.append(referrer.digest)
            refused.setdefault(subject, []).append(f"evidence {referrer.digest}: {error}")
    for digest in _to_be_signed(shipment, terms):
        why = refused.get(digest, [])
        if digest not in signed and not _signed_before(shipment, digest, terms, why):
            raise EvidenceError(
                f"{digest} is not signed by {_names(terms)}, so it gets no name in a registry: "
                + (why[0] if why else "no signature is attached to it"),
                details=why[1:],
                hint="sign it first (imgforge build --key, cosign sign)",
            )
    if foreign and not terms.others:
        first = next(reason for reasons in refused.values() for reason in reasons)
        raise EvidenceError(f"evidence that {_names(terms)} did not sign goes nowhere: {first}")
    return tuple(foreign)


def _to_be_signed(shipment: Shipment, terms: Terms) -> list[str]:
    top = shipment.image.digest
    if terms.through_index:
        return [top]
    return list(dict.fromkeys([top, *(i.digest for i in shipment.layout.images(shipment.image))]))


def _names(terms: Terms) -> str:
    return " or ".join(map(str, terms.signed_by)) or "anybody"


def _proven(layout: Layout, referrer: Descriptor, subject: str, terms: Terms) -> str:
    """Return the type of what a referrer says, if one of those who count signed it of its subject.

    ValueError with the reason otherwise.
    """
    layers = references(layout.read_json(referrer))[1:]
    if len(layers) != 1 or layers[0].media_type not in MEDIA_TYPES:
        raise ValueError("it is no Sigstore bundle")
    statement = _statement(layout.read(layers[0], limit=MAX_SIZE), terms)
    if not statement.is_about(subject):
        raise ValueError("its statement is about another subject")
    return statement.predicate_type


def _statement(bundle: bytes, terms: Terms) -> Statement:
    refused = ValueError("nobody's signature counts")
    for signatory in terms.signed_by:
        try:
            return signatory.statement(bundle)[0]
        except ValueError as error:
            refused = error
    raise refused


def _signed_before(shipment: Shipment, digest: str, terms: Terms, refused: list[str]) -> bool:
    """Whether one of cosign's older signatures signs ``digest``; reasons go to ``refused``."""
    layout = shipment.layout
    for tag, manifest in shipment.older:
        if tag != f"{digest.replace(':', '-')}.sig":
            continue
        for layer in references(layout.read_json(manifest))[1:]:
            if layer.media_type != simple.MEDIA_TYPE:
                continue
            try:
                data = layout.read(layer, limit=simple.MAX_PAYLOAD)
                signature = simple.SimpleSignature.from_layer(layer, data)
                if not signature.is_about(digest):
                    raise ValueError("it is about another image")  # noqa: TRY301 - one list
                _payload(signature, terms)
            except ValueError as error:
                refused.append(f"signature {layer.digest}: {error}")
            else:
                return True
    return False


def _payload(signature: simple.SimpleSignature, terms: Terms) -> None:
    refused = ValueError("nobody's signature counts")
    for signatory in terms.signed_by:
        try:
            signatory.payload(signature)
        except ValueError as error:
            refused = error
        else:
            return
    raise refused


def _subjects(shipment: Shipment) -> dict[str, str]:
    """Return each referrer's subject, which must be in the shipment."""
    allowed = set(manifests(shipment.layout, shipment.image))
    allowed.update(referrer.digest for referrer in shipment.referrers)
    found = {}
    for referrer in shipment.referrers:
        subject = shipment.layout.read_json(referrer).get("subject")
        digest = subject.get("digest") if isinstance(subject, dict) else None
        if digest not in allowed:
            raise EvidenceError(f"{referrer.digest} is not about {shipment.image.digest}")
        found[referrer.digest] = str(digest)
    return found


def manifests(layout: Layout, image: Descriptor) -> list[str]:
    """Return the digests of ``image`` and all manifests and indexes under it."""
    found: list[str] = []
    pending = [image]
    while pending:
        here = pending.pop(0)
        if here.digest not in found:
            found.append(here.digest)
            if here.media_type in INDEXES:
                pending += layout.children(here)
    return found
