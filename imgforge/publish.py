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
from typing import Any

from imgforge.console import Meter
from imgforge.errors import InvalidInputError, RegistryError
from imgforge.oci import referrers as evidence
from imgforge.oci.layout import Layout, references
from imgforge.oci.reference import Reference
from imgforge.oci.registry import Registry
from imgforge.oci.types import Descriptor
from imgforge.shipment import Shipment, Terms, check

_WORKERS = 4


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
    goes). ``say`` is given one line per step. Further errors: what :func:`.shipment.check` raises,
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


def _pieces(count: int) -> str:
    return "1 piece of evidence" if count == 1 else f"{count} pieces of evidence"


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
        if not near or not registry.mount(blob, source.repository):
            origin.fetch_blob(blob, layout, told)

    together([partial(bring, blob) for blob in _blobs(layout, layout.images(shipment.image))])


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
        evidence.attach(registry, layout, shipment.referrers)
        _read_again(registry, shipment.referrers)
    for tag, manifest in shipment.older:
        _put_older(registry, layout, tag, manifest, mount)


def _blobs(layout: Layout, manifests: Iterable[Descriptor]) -> Collection[Descriptor]:
    found = (b for manifest in manifests for b in references(layout.read_json(manifest)))
    return {blob.digest: blob for blob in found}.values()


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
