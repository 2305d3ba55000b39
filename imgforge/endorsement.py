"""Signing what exists: that an image is signed, what somebody attests of it, and late witnesses.

The same thing is never attached twice: what is there already, by the same signer and with the
witnesses that are wanted, is left alone. So every call may be repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from imgforge import strictjson
from imgforge.errors import EvidenceError
from imgforge.oci.types import canonical_json
from imgforge.place import Attached, Place
from imgforge.signing import statement
from imgforge.signing.bundle import MEDIA_TYPE
from imgforge.signing.dsse import Envelope
from imgforge.signing.image import Said, attach_all, said_of
from imgforge.signing.sealer import together
from imgforge.signing.statement import Statement

if TYPE_CHECKING:
    from imgforge.oci.types import Descriptor
    from imgforge.signing.sealer import Sealer, Witnessed
    from imgforge.signing.signatory import Signatory


@dataclass(frozen=True, slots=True)
class Endorsed:
    """A statement about ``digest`` of type ``kind`` in the artifact ``referrer``.

    ``added`` is False if it was there before.
    """

    digest: str
    kind: str
    referrer: str
    added: bool


def sign(place: Place, sealer: Sealer, created: int, *, recursive: bool = True) -> list[Endorsed]:
    """Sign the image, and with ``recursive`` each one in an index; ``created`` is seconds."""
    images = _each(place, recursive=recursive)
    return add(place, sealer, [s for i in images for s in said_of(i, name=place.name)], created)


def attest(
    place: Place,
    sealer: Sealer,
    kind: str,
    predicate: bytes,
    created: int,
    *,
    recursive: bool = True,
) -> list[Endorsed]:
    """Attest a predicate (JSON) of the type ``kind`` of the same images as :func:`sign`.

    Of an index, the statement attached to it speaks of the images in it, too.
    """
    said = []
    for image in _each(place, recursive=recursive):
        under = place.images if image.digest == place.image.digest and place.platforms else ()
        said += said_of(
            image, name=place.name, predicates=[(kind, predicate)], subjects=under, signed=False
        )
    return add(place, sealer, said, created)


def add(place: Place, sealer: Sealer, said: Sequence[Said], created: int) -> list[Endorsed]:
    """Seal and attach those statements that are not there; return where each of them is."""
    who = sealer.signatory()
    have = {
        digest: _accepted(place, digest, who)
        for digest in dict.fromkeys(s.image.digest for s in said)
    }
    keys = [_key(Statement.from_bytes(each.statement)) for each in said]
    wanted = dict(zip(keys, said, strict=True))
    fresh = {k: s for k, s in wanted.items() if k not in have[s.image.digest]}
    referrers = attach_all(place.layout, list(fresh.values()), sealer, created)
    new = {key: r.digest for key, r in zip(fresh, referrers, strict=True)}
    if referrers:
        place.add(referrers, ())
    return [
        Endorsed(
            s.image.digest, s.kind, new.get(k) or have[s.image.digest][k].digest, added=k in new
        )
        for k, s in wanted.items()
    ]


def witness(place: Place, witnessed: Witnessed) -> list[Endorsed]:
    """Get the witnesses' words for every bundle of the key that lacks them, and put them into it.

    A layout then holds the new bundle in place of the old one; a registry holds both.
    EvidenceError if no bundle here is the key's.
    """
    plain, full = witnessed.plain(), witnessed.signatory()
    out: list[Endorsed] = []
    bare: list[tuple[Descriptor, Attached, Statement]] = []
    gone: set[str] = set()
    for image in _each(place, recursive=True):
        done = _accepted(place, image.digest, full)
        best: dict[str, tuple[Descriptor, Attached, Statement]] = {}
        # A log takes a signature once, so of several the one that was logged is gone on with.
        for each in sorted(place.read(image.digest), key=lambda a: -witnessed.heard(a.bundle)):
            said = _read(each.bundle, plain)
            if said is None or not said.is_about(image.digest):
                continue
            known = done.get(_key(said))
            if known is None:
                best.setdefault(_key(said), (image, each, said))
                gone.add(each.referrer.digest)
            elif known.digest == each.referrer.digest:
                out.append(Endorsed(image.digest, said.predicate_type, known.digest, added=False))
        bare += best.values()
    bundles = together([partial(_borne_out, witnessed, each) for _, each, _ in bare])
    new = []
    for (image, each, said), bundle in zip(bare, bundles, strict=True):
        notes = place.layout.read_json(each.referrer).get("annotations") or {}
        new.append(place.layout.attach(image, bundle, MEDIA_TYPE, notes))
        out.append(Endorsed(image.digest, said.predicate_type, new[-1].digest, added=True))
    if not out:
        raise EvidenceError(
            f"nothing attached to {place.image.digest} was signed by {plain}",
            hint="sign it first: imgforge sign --key FILE",
        )
    if new:
        place.add(new, gone)
    return out


def _borne_out(witnessed: Witnessed, bare: Attached) -> bytes:
    value = strictjson.load_object(bare.bundle)
    envelope = Envelope.from_json(value["dsseEnvelope"])
    return witnessed.seal(envelope, value["verificationMaterial"])


def _each(place: Place, *, recursive: bool) -> list[Descriptor]:
    found = [*place.images, place.image] if recursive else [place.image]
    return list({image.digest: image for image in found}.values())


def _accepted(place: Place, digest: str, who: Signatory) -> dict[str, Descriptor]:
    """Return what ``who`` has said of ``digest`` already, and where."""
    found: dict[str, Descriptor] = {}
    for each in place.read(digest):
        said = _read(each.bundle, who)
        if said is not None and said.is_about(digest):
            found.setdefault(_key(said), each.referrer)
    return found


def _read(bundle: bytes, who: Signatory) -> Statement | None:
    try:
        return who.statement(bundle)[0]
    except ValueError:
        return None  # another's, or spoiled: ours is then attached beside it


def _key(said: Statement) -> str:
    """Return what is the same for statements that say the same, whatever names they use."""
    about = sorted({subject.digest for subject in said.subjects})
    # A signature's predicate is empty, and cosign writes null as well.
    predicate = None if said.predicate_type == statement.SIGNATURE else said.predicate
    return canonical_json([said.predicate_type, about, predicate]).decode()
