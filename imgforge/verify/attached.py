"""What is attached to images: Sigstore bundles, and cosign's older signatures and attestations.

All of it is a claim. Whoever may push may attach anything to anything, so the work is capped: per
digest the first :data:`MAX_BUNDLES` things are looked at that may be of a kind that is asked for,
by what their annotations say, and of all together no more than :data:`MAX_BYTES` and
:data:`MAX_SECONDS`. Annotations only ever save work: what is called another kind is passed over,
and nothing is believed for what it is called. What lies beyond a cap, cannot be had or is no
evidence never makes good evidence fail; if that is lacking, it is told why not all was seen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from imgforge import strictjson
from imgforge.errors import RegistryError, TransientError
from imgforge.oci.layout import Blobs, CorruptLayoutError, Layout, references
from imgforge.oci.types import MANIFESTS, Descriptor
from imgforge.signing import simple
from imgforge.signing.bundle import MAX_SIZE
from imgforge.signing.statement import SIGNATURE

if TYPE_CHECKING:
    from imgforge.oci.registry import Registry

T = TypeVar("T")

MAX_BUNDLES: Final = 256
"""The most things attached to one digest that are looked at."""
MAX_SIGNATURE: Final = 1 << 20
"""Bytes; a bundle that says that an image is signed has about ten thousand."""
MAX_BYTES: Final = 1 << 30
"""Bytes of all bundles that one verification fetches."""
MAX_THINGS: Final = 8192
"""Things that one verification fetches, over all images of an index."""
MAX_SECONDS: Final = 900.0
"""How long one verification may take to fetch them."""

BUNDLE: Final = "bundle"
OLDER_SIGNATURE: Final = "signature"
OLDER_ATTESTATION: Final = "attestation"

_BUNDLES: Final = "application/vnd.dev.sigstore.bundle"
_OLDER: Final = {
    simple.MEDIA_TYPE: OLDER_SIGNATURE,
    simple.ATTESTATION: OLDER_ATTESTATION,
}
_PREDICATE: Final = "dev.sigstore.bundle.predicateType"
_OLDER_PREDICATE: Final = "predicateType"
_HELD: Final = 64 << 20
"""Bytes of all manifests that a layout lists."""
_WORKERS: Final = 8
_GRACE: Final = 60.0
"""Seconds beyond MAX_SECONDS, after which even what is on its way is given up."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing that may be evidence: ``kind`` is one of this module's, ``layer`` its content."""

    kind: str
    layer: Descriptor

    def __str__(self) -> str:
        return f"{self.kind} {self.layer.digest}"


@dataclass(slots=True)
class Found:
    """What is attached to a digest, as far as it was seen.

    ``cut`` says which cap was reached, ``passed_over`` what was no evidence, one line each;
    ``troubles`` are what could not be asked, and may hold the evidence.
    """

    pieces: list[Piece] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    troubles: list[RegistryError | TransientError] = field(default_factory=list)

    def add(self, other: Found) -> None:
        """Take over what ``other`` has and this has not."""
        for piece in other.pieces:
            if piece not in self.pieces:
                self.pieces.append(piece)
        self.cut += other.cut
        self.passed_over += other.passed_over
        self.troubles += other.troubles


class Attached(Protocol):
    """Where evidence is looked for; ``blobs`` then has every piece that was found."""

    @property
    def blobs(self) -> Blobs:
        """What the pieces are read from."""

    def bundles(self, digest: str, kinds: Collection[str]) -> Found:
        """Return the bundles attached to ``digest`` that may be of one of these predicate types."""

    def older(self, digest: str, kinds: Collection[str]) -> Found:
        """Return what cosign attached to ``digest`` before there were bundles."""


class InLayout:
    """What an OCI layout or archive lists beside its images.

    CorruptLayoutError where a listed manifest cannot be read.
    """

    def __init__(self, blobs: Blobs) -> None:
        self.blobs = blobs
        self._known: list[tuple[Descriptor, dict[str, Any]]] | None = None

    def bundles(self, digest: str, kinds: Collection[str]) -> Found:
        """See :class:`Attached`."""
        out = Found()
        mine = [
            (listed, manifest)
            for listed, manifest in self._manifests()
            if _subject(manifest) == digest
        ]
        # The index may have lost the annotations: the manifest's own say the same or more.
        ranked = _ranked(mine, lambda each: _claims(each[1], _PREDICATE), kinds)
        for listed, manifest in _capped(ranked, digest, out):
            piece = _piece(listed.digest, manifest, kinds, out)
            if piece is not None:
                out.pieces.append(piece)
        return out

    def older(self, digest: str, kinds: Collection[str]) -> Found:
        """See :class:`Attached`; ``cosign save`` lists them without a subject."""
        out = Found()
        for _, manifest in self._manifests():
            if "subject" not in manifest:
                layers = [layer for layer in references(manifest)[1:] if layer.media_type in _OLDER]
                out.pieces += _older(layers, digest, kinds, out)
        out.pieces = _capped(out.pieces, digest, out)
        return out

    def _manifests(self) -> list[tuple[Descriptor, dict[str, Any]]]:
        if self._known is None:
            self._known, held = [], 0
            for listed in self.blobs.index():
                if listed.media_type not in MANIFESTS:
                    continue
                held += listed.size
                if held > _HELD:
                    raise CorruptLayoutError(
                        f"{self.blobs.place} lists over {_HELD} bytes of manifests"
                    )
                self._known.append((listed, self.blobs.read_json(listed)))
        return self._known


class InRegistry:
    """What a repository has attached to digests; what may count is brought into ``layout``."""

    def __init__(self, registry: Registry, layout: Layout) -> None:
        self.blobs: Blobs = layout
        self._layout = layout
        self._registry = registry
        hasten(registry)
        self._purse = _Purse()
        self._known: dict[tuple[str, frozenset[str]], Found] = {}

    def bundles(self, digest: str, kinds: Collection[str]) -> Found:
        """See :class:`Attached`; the referrers API, or the tag that stands in for it, is asked.

        It is asked once: several demands, and the images of an index, may want the same.
        """
        asked = (digest, frozenset(kinds))
        if asked not in self._known:
            self._known[asked] = self._bundles(digest, kinds)
        return self._known[asked]

    def _bundles(self, digest: str, kinds: Collection[str]) -> Found:
        from imgforge.oci.referrers import MAX_LISTED, listed

        out = Found()
        try:
            claims = listed(self._registry, digest, most=MAX_LISTED)
        except (RegistryError, TransientError) as error:
            out.troubles.append(error)
            return out
        if len(claims) == MAX_LISTED:
            out.cut.append(f"over {MAX_LISTED} things are listed for {digest}: the first counted")
        ranked = _ranked(claims, lambda each: each.annotations.get(_PREDICATE), kinds)
        todo = _capped(ranked, digest, out)
        self._together(todo, lambda claim: self._fetch(claim, digest, kinds), out)
        return out

    def older(self, digest: str, kinds: Collection[str]) -> Found:
        """See :class:`Attached`; they lie under tags that are made of the digest."""
        out = Found()
        stem = digest.replace(":", "-")
        wanted = [stem + ".sig"] * (SIGNATURE in kinds) + [stem + ".att"] * (kinds != {SIGNATURE})
        pieces = []
        for tag in wanted:
            try:
                found = self._registry.find(tag)
                if found is None or found[0].media_type not in MANIFESTS:
                    continue
                layers = references(strictjson.load_object(found[1]))[1:]
            except CorruptLayoutError as error:
                out.passed_over.append(f"{tag}: {error.message}")
                continue
            except ValueError as error:
                out.passed_over.append(f"{tag}: {error}")
                continue
            except (RegistryError, TransientError) as error:
                out.troubles.append(error)
                continue
            pieces += _older(layers, digest, kinds, out)
        self._together(_capped(pieces, digest, out), self._brought, out)
        return out

    def _together(
        self, todo: Sequence[Any], task: Callable[[Any], Piece | str | None], out: Found
    ) -> None:
        """Do ``task`` for each, several at a time; what comes of it is noted in their order."""
        if not todo:
            return
        from concurrent.futures import ThreadPoolExecutor

        def tried(
            each: object,
        ) -> Piece | str | _SpentError | RegistryError | TransientError | None:
            try:
                self._purse.thing()
                return task(each)
            except (_SpentError, RegistryError, TransientError) as error:
                return error

        pool = ThreadPoolExecutor(_WORKERS)
        try:
            for result in pool.map(tried, todo):
                if isinstance(result, Piece):
                    out.pieces.append(result)
                elif isinstance(result, str):
                    out.passed_over.append(result)
                elif isinstance(result, _SpentError):
                    out.cut.append(str(result))
                elif result is not None:
                    out.troubles.append(result)
        finally:
            pool.shutdown(cancel_futures=True)

    def _fetch(self, claim: Descriptor, digest: str, kinds: Collection[str]) -> Piece | str | None:
        """Return what one listed referrer holds, or a word on why it is nothing."""
        from imgforge.oci.referrers import read

        notes = Found()
        try:
            _, _, manifest = read(self._registry, claim, digest)
        except ValueError as error:
            return f"{claim.digest}: {error}"
        piece = _piece(claim.digest, manifest, kinds, notes)
        if piece is None:
            return notes.passed_over[0] if notes.passed_over else None
        return self._brought(piece)

    def _brought(self, piece: Piece) -> Piece:
        self._purse.spend(piece.layer.size)
        self._registry.fetch_blob(piece.layer, self._layout)
        return piece


def hasten(registry: Registry) -> None:
    """Give a registry an end by which it must have answered all: its lists and tags count, too."""
    end = time.monotonic() + MAX_SECONDS + _GRACE
    registry.http.until = min(registry.http.until, end)


class _SpentError(Exception):
    """A cap was reached, and something was not looked at."""


class _Purse:
    """How much more may be fetched; threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bytes = MAX_BYTES
        self._things = MAX_THINGS
        self._end = time.monotonic() + MAX_SECONDS

    def thing(self) -> None:
        """Count one more thing; _SpentError if there were too many, or it took too long."""
        with self._lock:
            self._things -= 1
            if self._things < 0:
                raise _SpentError(f"over {MAX_THINGS} things would have to be fetched")
        if time.monotonic() > self._end:
            raise _SpentError(f"fetching all would take over {MAX_SECONDS:.0f} seconds")

    def spend(self, size: int) -> None:
        """Count ``size`` more bytes; _SpentError, and they are not counted, if it is too many."""
        with self._lock:
            if size > self._bytes:
                raise _SpentError(f"over {MAX_BYTES} bytes would have to be fetched")
            self._bytes -= size


def _subject(manifest: Mapping[str, Any]) -> str | None:
    subject = manifest.get("subject")
    digest = subject.get("digest") if isinstance(subject, dict) else None
    return digest if isinstance(digest, str) else None


def _claims(manifest: Mapping[str, Any], name: str) -> str | None:
    notes = manifest.get("annotations")
    said = notes.get(name) if isinstance(notes, dict) else None
    return said if isinstance(said, str) else None


def _ranked(
    things: Iterable[T], claim: Callable[[T], str | None], kinds: Collection[str]
) -> list[T]:
    """Return what says that it is of these kinds, then what says nothing; not what says others."""
    said = [(claim(thing), thing) for thing in things]
    return [thing for what, thing in said if what in kinds] + [
        thing for what, thing in said if what is None
    ]


def _capped(things: list[T], digest: str, out: Found) -> list[T]:
    if len(things) > MAX_BUNDLES:
        out.cut.append(
            f"over {MAX_BUNDLES} things are attached to {digest}, and only the first were seen"
        )
    return things[:MAX_BUNDLES]


def _piece(name: str, manifest: dict[str, Any], kinds: Collection[str], out: Found) -> Piece | None:
    """Return the bundle in an artifact; its own layer decides, no annotation makes it one."""
    said = _claims(manifest, _PREDICATE)
    if said is not None and said not in kinds:
        return None
    try:
        layers = references(manifest)[1:]
    except CorruptLayoutError as error:
        out.passed_over.append(f"{name}: {error.message}")
        return None
    if len(layers) != 1 or not layers[0].media_type.startswith(_BUNDLES):
        out.passed_over.append(f"{name}: holds no bundle")
        return None
    most = MAX_SIGNATURE if set(kinds) == {SIGNATURE} else MAX_SIZE
    if layers[0].size > most:
        out.passed_over.append(f"{name}: its bundle is over {most} bytes")
        return None
    return Piece(BUNDLE, layers[0])


def _older(
    layers: Iterable[Descriptor], digest: str, kinds: Collection[str], out: Found
) -> list[Piece]:
    found = []
    for layer in layers:
        kind = _OLDER.get(layer.media_type)
        said = layer.annotations.get(_OLDER_PREDICATE)
        if kind == OLDER_ATTESTATION:
            asked = set(kinds) != {SIGNATURE} and (said is None or said in kinds)
        else:
            asked = kind == OLDER_SIGNATURE and SIGNATURE in kinds
        if kind is None or not asked:
            continue
        if layer.size > (simple.MAX_PAYLOAD if kind == OLDER_SIGNATURE else simple.MAX_ENVELOPE):
            out.passed_over.append(f"{kind} {layer.digest} of {digest}: is too large")
            continue
        found.append(Piece(kind, layer))
    return found
