"""Putting an image and its evidence into a registry so that a tag only ever names proven images.

The order is the safety: blobs, manifests by digest, evidence, and names last. Every step is one
that may be repeated, so a publication that was killed is finished by calling it again.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from imgforge.errors import EvidenceError, RegistryError
from imgforge.oci import referrers as evidence
from imgforge.oci.layout import Layout, references
from imgforge.oci.reference import Reference
from imgforge.oci.registry import Registry
from imgforge.oci.types import INDEXES, Descriptor
from imgforge.signing.bundle import MAX_SIZE, MEDIA_TYPES, Bundle
from imgforge.signing.statement import SIGNATURE, Statement

_ROUNDS = 3


def publish(
    layout: Layout,
    image: Descriptor,
    referrers: Sequence[Descriptor],
    target: Reference,
    tags: Collection[str],
    *,
    say: Callable[[str], None],
    unsigned: bool = False,
    mount: str | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> str:
    """Push ``image`` by digest, then its ``referrers``, then name it ``tags``; return repo@digest.

    Killed at any moment and called again, it converges. Unless ``unsigned``, a cosign signature
    of ``image`` must be among ``referrers``; whose it is the caller has verified. Each referrer
    must be about ``image`` or an image in it (EvidenceError). ``mount`` names a repository of the
    same registry that has blobs already, ``say`` is given one line per step. Further errors:
    InvalidInputError (a tag, the layout), RegistryError, TransientError.
    """
    names = [target.with_tag(tag) for tag in tags]
    known = _subjects(layout, image, referrers)
    if not unsigned and not any(_signs(layout, r, image.digest) for r in referrers):
        raise EvidenceError(
            f"{image.digest} is not signed, so it gets no name in {target.name}",
            hint="sign it first",
        )
    with Registry(target, pause=pause) as registry:
        say(f"pushing {image.digest} to {target.name}")
        registry.put_image(layout, image, mount)
        say(f"attaching {len(referrers)} pieces of evidence")
        _attach(registry, layout, referrers, known)
        data = layout.read(image)
        for name in names:
            say(f"tagging {name}")
            tag = str(name.tag)
            registry.put_manifest(tag, data, image.media_type)
            found = registry.find(tag)
            if found is None or found[0].digest != image.digest:
                raise RegistryError(f"{name} does not name {image.digest} after it was tagged")
    return str(target.with_digest(image.digest))


def _attach(
    registry: Registry, layout: Layout, referrers: Sequence[Descriptor], known: dict[str, str]
) -> None:
    """Put the referrers one after another, and again those that others' writes made vanish."""
    missing = list(referrers)
    for _ in range(_ROUNDS):
        for referrer in missing:
            evidence.put(registry, layout, referrer)
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
            for blob in references(layout.read_json(referrer)):
                registry.fetch_blob(blob, layout)


def _subjects(layout: Layout, image: Descriptor, referrers: Sequence[Descriptor]) -> dict[str, str]:
    """Return each referrer's subject, which must be in ``image``."""
    allowed = {image.digest, *(i.digest for i in layout.images(image))}
    if image.media_type in INDEXES:
        allowed.update(child.digest for child in layout.children(image))
    subjects = {}
    for referrer in referrers:
        subject = layout.read_json(referrer).get("subject")
        digest = subject.get("digest") if isinstance(subject, dict) else None
        if digest not in allowed:
            raise EvidenceError(f"{referrer.digest} is not about {image.digest}")
        subjects[referrer.digest] = str(digest)
    return subjects


def _signs(layout: Layout, referrer: Descriptor, digest: str) -> bool:
    layers = references(layout.read_json(referrer))[1:]
    if len(layers) != 1 or layers[0].media_type not in MEDIA_TYPES:
        return False
    try:
        bundle = Bundle.from_bytes(layout.read(layers[0], limit=MAX_SIZE))
        statement = Statement.from_bytes(bundle.envelope.payload)
    except ValueError:
        return False
    return statement.predicate_type == SIGNATURE and statement.is_about(digest)
