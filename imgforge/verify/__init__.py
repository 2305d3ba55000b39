"""What signatures prove about an image.

Nothing is believed for being attached: each bundle counts only if the signatory signed it, its
payload is an in-toto statement, and the statement speaks of the very digest that is asked about.
Who attached it, its annotations and the hint at a key prove nothing.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgforge.errors import EvidenceError, TransientError
from imgforge.oci.layout import CorruptLayoutError, Layout, references
from imgforge.oci.reference import Reference
from imgforge.oci.selection import select
from imgforge.oci.types import INDEXES, MANIFESTS, Descriptor, Platform
from imgforge.signing import simple
from imgforge.signing.bundle import MAX_SIZE, MEDIA_TYPES
from imgforge.signing.signatory import ByKey
from imgforge.signing.statement import SIGNATURE

if TYPE_CHECKING:
    from imgforge.oci.registry import Registry
    from imgforge.signing.key import PublicKey
    from imgforge.signing.signatory import Signatory

MAX_BUNDLES = 256
"""The most bundles on one digest that are looked at."""
MAX_SIGNATURE = 1 << 20
"""Bytes; a bundle that says that an image is signed has about ten thousand."""
_PREDICATE = "dev.sigstore.bundle.predicateType"


@dataclass(frozen=True, slots=True)
class Attestation:
    """One proven statement: its predicate's type, the decoded predicate, the bundle's digest."""

    predicate_type: str
    predicate: Any
    bundle: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What was proven about ``digest`` by the key with fingerprint ``key`` (``sha256:<hex>``).

    ``attestations`` are all valid ones, the signature among them; ``platforms`` the images under
    a verified index.
    """

    digest: str
    key: str
    attestations: tuple[Attestation, ...]
    platforms: tuple[tuple[Platform | None, Verified], ...] = ()


def verify_layout(
    layout: Layout,
    image: Descriptor,
    key: PublicKey,
    *,
    require: Collection[str] = frozenset(),
    platforms: Collection[Platform] | None = None,
    deep: bool = False,
) -> Verified:
    """Demand ``key``'s signature over ``image`` and an attestation of each type in ``require``.

    An index must be signed itself, and so must each image in it (only those of ``platforms`` if
    given, all of which must be there); ``require`` then holds for each of these images. With
    ``deep`` every blob of the images is hashed. EvidenceError with the first reason otherwise.
    """
    try:
        images = _images(layout, image, platforms)
        if deep:
            for each in images:
                _hash_blobs(layout, each)
        if image.media_type in MANIFESTS:
            return _proven(layout, image.digest, key, require)
        top = _proven(layout, image.digest, key, frozenset())
        under = tuple((i.platform, _proven(layout, i.digest, key, require)) for i in images)
    except CorruptLayoutError as error:
        raise EvidenceError(error.message, details=error.details) from error
    return Verified(top.digest, top.key, top.attestations, under)


def verify_registry(
    reference: str,
    key: PublicKey,
    *,
    require: Collection[str] = frozenset(),
    platforms: Collection[Platform] | None = None,
) -> Verified:
    """Resolve ``reference`` once to a digest and demand the same of what the registry has there.

    The image's own blobs are not fetched. Further errors: InvalidInputError, RegistryError,
    TransientError.
    """
    from imgforge.oci.registry import Registry

    with (
        tempfile.TemporaryDirectory(prefix="imgforge-verify-") as scratch,
        Registry(Reference.parse(reference)) as registry,
    ):
        layout = Layout.create(Path(scratch) / "layout")
        top, data = registry.resolve()
        layout.add(data, top.media_type)
        images = registry.fetch_manifests(top, layout, platforms)
        digests = dict.fromkeys([top.digest, *(i.digest for i in images)])
        evidence = [r for digest in digests for r in _fetch_bundles(registry, layout, digest)]
        layout.write_index([top, *evidence])
        return verify_layout(layout, top, key, require=require, platforms=platforms)


def signature(
    reference: Reference, digest: str, who: Signatory, *, say: Callable[[str], None]
) -> str:
    """Demand ``who``'s signature over ``digest``, at the mirror or the original; return who signed.

    For an index its own signature is enough: it names its images by digest. Counted are Sigstore
    bundles attached to the digest and cosign's older signatures. EvidenceError with every reason
    otherwise; further errors: RegistryError, TransientError.
    """
    from imgforge.oci.mirrors import places
    from imgforge.oci.registry import Registry
    from imgforge.oci.transport import MissingError

    refused: list[str] = []
    silent: TransientError | MissingError | None = None
    for place in places(reference):
        try:
            with Registry(place) as registry:
                found = _signed(registry, digest, who, refused)
        except (TransientError, MissingError) as error:
            say(f"{place.registry}: {error.message}")
            silent = error
            continue
        if found is not None:
            return found
    if silent is not None:  # what did not answer may hold the signature
        raise silent
    raise EvidenceError(
        f"{reference.name}@{digest} has no valid signature by {who}: "
        + (refused[0] if refused else "no signature is attached to it"),
        details=refused[1:],
        hint="sign it (cosign sign), or let the policy name who did",
    )


def _signed(registry: Registry, digest: str, who: Signatory, refused: list[str]) -> str | None:
    """Return who signed ``digest``, or None with the reasons added to ``refused``."""
    with tempfile.TemporaryDirectory(prefix="imgforge-verify-") as scratch:
        layout = Layout.create(Path(scratch) / "layout")
        layout.write_index(_fetch_bundles(registry, layout, digest, signatures=True))
        passing: TransientError | None = None
        for descriptor in _bundles(layout, digest):
            try:
                return _said_signed(layout.read(descriptor, limit=MAX_SIZE), digest, who)
            except ValueError as error:
                refused.append(f"bundle {descriptor.digest}: {error}")
        for layer in _fetch_older(registry, layout, digest):
            try:
                payload = layout.read(layer, limit=simple.MAX_PAYLOAD)
                return _said_simply(simple.SimpleSignature.from_layer(layer, payload), digest, who)
            except ValueError as error:
                refused.append(f"signature {layer.digest}: {error}")
            except TransientError as error:
                passing = error  # another of them may prove it without that log
    if passing is not None:
        raise passing
    return None


def _said_signed(bundle: bytes, digest: str, who: Signatory) -> str:
    statement, proof = who.statement(bundle)
    if statement.predicate_type != SIGNATURE:
        raise ValueError(f"it says {statement.predicate_type!a}, not that the image is signed")
    if not statement.is_about(digest):
        raise ValueError("its statement is about another subject")
    return proof.signer


def _said_simply(found: simple.SimpleSignature, digest: str, who: Signatory) -> str:
    if not found.is_about(digest):
        raise ValueError("it is about another image")
    return who.payload(found).signer


def _fetch_older(registry: Registry, layout: Layout, digest: str) -> list[Descriptor]:
    """Bring the payloads of cosign's older signatures; return their descriptors."""
    tag = digest.replace(":", "-") + ".sig"
    found = registry.find(tag)
    if found is None or found[0].media_type not in MANIFESTS:
        return []
    manifest = layout.read_json(layout.add(found[1], found[0].media_type))
    layers = [d for d in references(manifest)[1:] if d.media_type == simple.MEDIA_TYPE]
    if len(layers) > MAX_BUNDLES:
        raise EvidenceError(f"over {MAX_BUNDLES} signatures are attached to {digest}")
    small = [layer for layer in layers if layer.size <= simple.MAX_PAYLOAD]
    for layer in small:
        registry.fetch_blob(layer, layout)
    return small


def _images(
    layout: Layout, top: Descriptor, platforms: Collection[Platform] | None
) -> list[Descriptor]:
    if platforms is None:
        return layout.images(top)
    if top.media_type not in INDEXES:
        raise EvidenceError(f"{top.digest} is one image, not an index of platforms")
    try:
        chosen = select(layout.children(top), platforms)
    except ValueError as error:
        raise EvidenceError(f"{top.digest}: {error}") from error
    return [image for each in chosen for image in layout.images(each)]


def _proven(layout: Layout, digest: str, key: PublicKey, require: Collection[str]) -> Verified:
    found: list[Attestation] = []
    refused: list[str] = []
    for descriptor in _bundles(layout, digest):
        try:
            found.append(_judge(layout.read(descriptor, limit=MAX_SIZE), key, digest, descriptor))
        except ValueError as error:
            refused.append(f"bundle {descriptor.digest}: {error}")
    proven = {a.predicate_type for a in found}
    for kind in (SIGNATURE, *sorted(require)):
        if kind not in proven:
            what = "signature" if kind == SIGNATURE else f"attestation {kind}"
            reason = refused[0] if refused else "nothing of that kind is attached to it"
            raise EvidenceError(
                f"{digest} has no valid {what} by the key {key.fingerprint}: {reason}",
                details=refused[1:],
            )
    return Verified(digest, key.fingerprint, tuple(found))


def _judge(data: bytes, key: PublicKey, digest: str, descriptor: Descriptor) -> Attestation:
    """Return what one bundle proves about ``digest``; ValueError with the reason if nothing."""
    statement, _ = ByKey(key).statement(data)
    if not statement.is_about(digest):
        raise ValueError("its statement is about another subject")
    return Attestation(statement.predicate_type, statement.predicate, descriptor.digest)


def _bundles(layout: Layout, digest: str) -> Iterator[Descriptor]:
    found = layout.referrers(digest)
    if len(found) > MAX_BUNDLES:
        raise EvidenceError(f"over {MAX_BUNDLES} things are attached to {digest}")
    for referrer in found:
        bundle = _bundle_of(layout, referrer)
        if bundle is not None:
            yield bundle


def _bundle_of(layout: Layout, referrer: Descriptor) -> Descriptor | None:
    """Return the descriptor of the bundle in an artifact; its own type decides, no annotation."""
    layers = references(layout.read_json(referrer))[1:]
    return layers[0] if len(layers) == 1 and layers[0].media_type in MEDIA_TYPES else None


def _fetch_bundles(
    registry: Registry, layout: Layout, digest: str, *, signatures: bool = False
) -> list[Descriptor]:
    """Bring the bundles attached to ``digest``; return the artifacts that hold them.

    With ``signatures`` what says that it is another statement, or is far too large for one that an
    image is signed, is left where it is: SBOMs have megabytes.
    """
    from imgforge.oci.referrers import listed

    claimed = listed(registry, digest)
    if len(claimed) > MAX_BUNDLES:
        raise EvidenceError(f"over {MAX_BUNDLES} things are attached to {digest}")
    most = MAX_SIGNATURE if signatures else MAX_SIZE
    fetched = []
    for claim in claimed:
        found = registry.find(claim.digest)
        if found is None or found[0].media_type not in MANIFESTS:
            continue
        referrer = layout.add(found[1], found[0].media_type)
        try:
            bundle = _bundle_of(layout, referrer)
            notes = layout.read_json(referrer).get("annotations")
        except CorruptLayoutError:
            continue
        says = notes.get(_PREDICATE, SIGNATURE) if isinstance(notes, dict) else SIGNATURE
        if bundle is None or bundle.size > most or (signatures and says != SIGNATURE):
            continue
        registry.fetch_blob(bundle, layout)
        fetched.append(referrer)
    return fetched


def verify_blobs(layout: Layout, image: Descriptor) -> None:
    """Hash every blob of ``image`` (a manifest or an index); EvidenceError at the first that lies.

    This proves that an image is whole, not who made it.
    """
    for manifest in layout.images(image):
        _hash_blobs(layout, manifest)


def _hash_blobs(layout: Layout, image: Descriptor) -> None:
    for blob in references(layout.read_json(image)):
        path = layout.blob_path(blob.digest)
        try:
            with path.open("rb") as file:
                digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
                size = file.tell()
        except OSError as error:
            raise EvidenceError(f"{layout.path} lacks blob {blob.digest}") from error
        if (digest, size) != (blob.digest, blob.size):
            raise EvidenceError(f"blob {blob.digest} does not match its descriptor")
