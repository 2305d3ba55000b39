"""Putting images and their evidence into registries so that a tag only ever names proven images.

The order is the safety. All is verified before the first byte goes; then, in every repository,
blobs, manifests by digest and evidence; names come last, when every repository has everything.
Each step may be repeated, so a publication that was killed is finished by calling it again.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgforge.console import Meter
from imgforge.errors import EvidenceError, InvalidInputError, RegistryError
from imgforge.oci import referrers as evidence
from imgforge.oci.layout import CorruptLayoutError, Layout, references
from imgforge.oci.reference import Reference
from imgforge.oci.registry import Registry
from imgforge.oci.types import INDEXES, MANIFESTS, Descriptor
from imgforge.signing import simple
from imgforge.signing.bundle import MAX_SIZE, MEDIA_TYPES
from imgforge.signing.statement import SIGNATURE, Statement

if TYPE_CHECKING:
    from imgforge.signing.signatory import Signatory

_ROUNDS = 3
_WORKERS = 4


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


@dataclass(frozen=True, slots=True)
class Target:
    """A repository, and the tags that the image gets there."""

    repository: Reference
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pushed:
    """What one repository has now.

    ``moved`` says which digests tags named before, if that was something else; ``evidence`` are
    the digests of the artifacts that are attached.
    """

    repository: str
    digest: str
    tags: tuple[str, ...]
    moved: dict[str, str]
    evidence: tuple[str, ...]

    @property
    def reference(self) -> str:
        """The image by digest."""
        return f"{self.repository}@{self.digest}"

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "reference": self.reference,
            "repository": self.repository,
            "digest": self.digest,
            "tags": list(self.tags),
            "moved": self.moved,
            "evidence": list(self.evidence),
        }


def targets(texts: Iterable[str], tags: Sequence[str]) -> tuple[Target, ...]:
    """Read ``REPOSITORY[:TAG]`` of each text; a repository that comes twice gets all its tags.

    What has no tag gets ``tags``. InvalidInputError if a text is malformed or names a digest, or
    if a tag is one at which cosign and registries keep evidence.
    """
    found: dict[str, Target] = {}
    for text in texts:
        if text.startswith(("/", "./", "../", "oci:", "oci-archive:", "docker-daemon:")):
            raise InvalidInputError(
                f"{text} is in no registry, and images are pushed to registries",
                hint="oras copy -r --to-oci-layout takes one with its evidence from there to disk",
            )
        reference = Reference.parse(text)
        if reference.digest is not None:
            raise InvalidInputError(
                f"{text} names a digest: an image has its own wherever it goes",
                hint="write REPOSITORY or REPOSITORY:TAG",
            )
        named = [reference.tag] if reference.tag else tags
        bare = replace(reference, tag=None)
        for tag in named:
            if str(bare.with_tag(tag).tag).startswith("sha256-"):
                raise InvalidInputError(f"{text}: the tag {tag} is kept for evidence")
        known = found.get(bare.name, Target(bare, ()))
        found[bare.name] = replace(known, tags=tuple(dict.fromkeys([*known.tags, *named])))
    return tuple(found.values())


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


def publish(
    shipment: Shipment,
    goals: Sequence[Target],
    terms: Terms,
    *,
    say: Callable[[str], None],
    no_clobber: bool = False,
    pause: Callable[[float], None] = time.sleep,
) -> tuple[Pushed, ...]:
    """Push the shipment to every target by digest, then name it; return what each has, in order.

    Killed at any moment and called again, it converges. Repositories of one registry share blobs
    by mounting, so that these are sent once; registries are sent to at the same time. With
    ``no_clobber`` a tag that names something else is left alone (RegistryError, before a byte
    goes). ``say`` is given one line per step. Further errors: what :func:`check` raises,
    InvalidInputError (the layout), RegistryError, TransientError.
    """
    foreign = check(shipment, terms)
    if foreign:
        say(f"{_pieces(len(foreign))} by others, unverified, will go along")
    with contextlib.ExitStack() as stack:
        opened = [
            (goal, stack.enter_context(Registry(goal.repository, pause=pause))) for goal in goals
        ]
        together([partial(_look, r, goal, shipment, no_clobber) for goal, r in opened])
        groups: dict[str, list[Registry]] = {}
        for goal, registry in opened:
            groups.setdefault(goal.repository.registry, []).append(registry)
        if shipment.origin is not None:
            for _, registry in opened:
                _bring(registry, shipment, shipment.origin, say)
        together([partial(_send_all, group, shipment, say) for group in groups.values()])
        return tuple(_named(r, goal, shipment, no_clobber, say) for goal, r in opened)


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


def _pieces(count: int) -> str:
    return "1 piece of evidence" if count == 1 else f"{count} pieces of evidence"


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


def _look(registry: Registry, goal: Target, shipment: Shipment, no_clobber: bool) -> None:  # noqa: FBT001
    """Ask the repository for what will be written: a fault is known before a byte goes."""
    for tag in goal.tags:
        _before(registry, tag, shipment.image.digest, no_clobber=no_clobber)
    if not goal.tags:
        registry.find(shipment.image.digest)


def _before(registry: Registry, tag: str, digest: str, *, no_clobber: bool) -> str | None:
    """Return what ``tag`` names now; RegistryError if that is something else that shall stay."""
    found = registry.find(tag)
    if found is None:
        return None
    if no_clobber and found[0].digest != digest:
        raise RegistryError(
            f"{registry.reference.with_tag(tag)} names {found[0].digest} already",
            hint="choose another tag, or leave --no-clobber out to move this one",
        )
    return found[0].digest


def _bring(
    registry: Registry, shipment: Shipment, origin: Registry, say: Callable[[str], None]
) -> None:
    """Fetch what ``registry`` neither has nor can take out of ``origin`` by itself."""
    layout, source = shipment.layout, origin.reference
    near = source.registry == registry.reference.registry
    meter, lock = Meter(say, f"fetching from {source.name}"), threading.Lock()

    def told(count: int) -> None:
        with lock:
            meter.add(count)

    def bring(blob: Descriptor) -> None:
        if layout.has(blob.digest) or registry.has_blob(blob.digest):
            return
        if not near or not _mounted(registry, blob, source.repository):
            origin.fetch_blob(blob, layout, told)

    together([partial(bring, blob) for blob in _blobs(layout, layout.images(shipment.image))])


def _mounted(registry: Registry, blob: Descriptor, source: str) -> bool:
    """Whether the registry took a blob out of its repository ``source`` (end-11)."""
    registry.http.also(f"repository:{source}:pull")
    path = f"{registry.path}/blobs/uploads/?mount={blob.digest}&from={source}"
    return registry.http.call("POST", path, accept=(201, 202)).status == 201  # noqa: PLR2004


def _send_all(group: Sequence[Registry], shipment: Shipment, say: Callable[[str], None]) -> None:
    """Send to repositories of one registry: to the first, and out of that to the others."""
    first, *others = group
    _send(first, shipment, None, say)
    source = first.reference.repository
    together([partial(_send, other, shipment, source, say) for other in others])


def _send(
    registry: Registry, shipment: Shipment, mount: str | None, say: Callable[[str], None]
) -> None:
    """Put everything but the names."""
    name, layout = registry.reference.name, shipment.layout
    say(f"{name}: pushing {shipment.image.digest}")
    size = sum(blob.size for blob in _blobs(layout, layout.images(shipment.image)))
    meter = Meter(say, f"{name}: pushing", size)
    registry.put_image(layout, shipment.image, mount, meter.add)
    if shipment.referrers:
        say(f"{name}: attaching {_pieces(len(shipment.referrers))}")
        blobs = _blobs(layout, shipment.referrers)
        together([partial(registry.put_blob, layout, blob, mount) for blob in blobs])
        _attach(registry, layout, shipment.referrers, _subjects(shipment))
    for tag, manifest in shipment.older:
        _put_older(registry, layout, tag, manifest, mount)


def _blobs(layout: Layout, manifests: Iterable[Descriptor]) -> Collection[Descriptor]:
    found = (b for manifest in manifests for b in references(layout.read_json(manifest)))
    return {blob.digest: blob for blob in found}.values()


def _attach(
    registry: Registry, layout: Layout, referrers: Sequence[Descriptor], known: dict[str, str]
) -> None:
    """Put the referrers one after another, and again those that vanished; then read them again."""
    missing = list(referrers)
    for _ in range(_ROUNDS):
        evidence.attach(registry, layout, missing)
        present = {
            d.digest
            for subject in sorted({known[r.digest] for r in referrers})
            for d in evidence.listed(registry, subject)
        }
        missing = [r for r in referrers if r.digest not in present]
        if not missing:
            _read_again(registry, referrers)
            return
    raise RegistryError(
        f"{registry.reference.name} does not list {missing[0].digest} as a referrer "
        f"of {known[missing[0].digest]}"
    )


def _read_again(registry: Registry, referrers: Sequence[Descriptor]) -> None:
    """See that the registry gives back every byte of the evidence, whatever it answered before."""
    with tempfile.TemporaryDirectory(prefix="imgforge-") as folder:
        layout = Layout.create(Path(folder))
        for referrer in referrers:
            registry.fetch_manifest(referrer, layout)
        blobs = _blobs(layout, referrers)
        together([partial(registry.fetch_blob, blob, layout) for blob in blobs])


def _put_older(
    registry: Registry, layout: Layout, tag: str, manifest: Descriptor, mount: str | None
) -> None:
    """Put cosign's older evidence at its tag; what is there already must not be lost.

    RegistryError if the tag has signatures that ``manifest`` has not.
    """
    name = registry.reference.with_tag(tag)
    found = registry.find(tag)
    if found is not None and found[0].digest != manifest.digest:
        with tempfile.TemporaryDirectory(prefix="imgforge-") as folder:
            theirs = Layout.create(Path(folder))
            there = _layers(theirs, theirs.add(found[1], found[0].media_type))
        ours = _layers(layout, manifest)
        if ours <= there:
            return
        if not there <= ours:
            raise RegistryError(
                f"{name} has other signatures than the image comes with",
                hint="sign the image anew, as bundles: several of those lie beside each other",
            )
    registry.put_image(layout, manifest, mount)
    _put_name(registry, tag, layout, manifest)


def _layers(layout: Layout, manifest: Descriptor) -> set[tuple[str, str]]:
    layers = references(layout.read_json(manifest))[1:]
    return {(d.digest, str(sorted(d.annotations.items()))) for d in layers}


def _named(
    registry: Registry,
    goal: Target,
    shipment: Shipment,
    no_clobber: bool,  # noqa: FBT001
    say: Callable[[str], None],
) -> Pushed:
    """Give the image its names in one repository."""
    digest, moved = shipment.image.digest, dict[str, str]()
    for tag in goal.tags:
        name = goal.repository.with_tag(tag)
        before = _before(registry, tag, digest, no_clobber=no_clobber)
        if before == digest:
            say(f"{name} names it already")
            continue
        if before is not None:
            moved[tag] = before
        say(f"tagging {name}" + (f", which named {before}" if before else ""))
        _put_name(registry, tag, shipment.layout, shipment.image)
    attached = tuple(referrer.digest for referrer in shipment.referrers)
    return Pushed(goal.repository.name, digest, goal.tags, moved, attached)


def _put_name(registry: Registry, tag: str, layout: Layout, image: Descriptor) -> None:
    registry.put_manifest(tag, layout.read(image), image.media_type)
    found = registry.find(tag)
    if found is None or found[0].digest != image.digest:
        name = registry.reference.with_tag(tag)
        raise RegistryError(f"{name} does not name {image.digest} after it was tagged")


def together(work: Sequence[Callable[[], object]]) -> None:
    """Do all at once, few at a time; the first error ends it."""
    pool = ThreadPoolExecutor(_WORKERS)
    try:
        for future in [pool.submit(task) for task in work]:
            future.result()
    finally:
        pool.shutdown(cancel_futures=True)
