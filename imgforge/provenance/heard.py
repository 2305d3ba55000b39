"""The provenance of what a person names: proven by signatures, or merely attached."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from imgforge import sole, strictjson
from imgforge.errors import EvidenceError, ImgforgeError, InvalidInputError
from imgforge.oci.layout import Blobs, CorruptLayoutError, Layout, references
from imgforge.oci.types import INDEXES, MAX_MANIFEST, Descriptor, Platform
from imgforge.signing.statement import PROVENANCE, PROVENANCES, Statement
from imgforge.sources import name as names

if TYPE_CHECKING:
    from imgforge.console import Say
    from imgforge.sources.name import Name
    from imgforge.verify.attached import Attached, Piece
    from imgforge.verify.inquiry import Inquiry

_STATEMENT: Final = "application/vnd.in-toto+json"
_ONE: Final = "name one of several: oci:PATH:TAG, or oci-archive:PATH:TAG"


@dataclass(frozen=True, slots=True)
class Heard:
    """One provenance: ``kind`` is its predicate type, ``signer`` whoever proves it, or empty.

    ``digest`` is the image's, of ``platform`` if it is one of several; ``top`` what was named.
    """

    top: str
    digest: str
    platform: Platform | None
    kind: str
    predicate: Any
    signer: str = ""


def proven(what: str, asked: Inquiry, say: Say) -> list[Heard]:
    """Return what is proven to meet all that is asked; raises what ``inquire`` raises.

    If nothing else is required, provenance v1 is.
    """
    from imgforge.verify import inquiry

    flags = asked.flags
    if not any(kind in {"provenance", *PROVENANCES} for kind in flags.require):
        flags = replace(flags, require=(*flags.require, "provenance"))
    verified = inquiry.inquire(what, replace(asked, flags=flags), say)
    whole = [(None, verified), *verified.platforms]
    found = [
        Heard(verified.digest, each.digest, platform, a.predicate_type, a.predicate, a.proof.signer)
        for platform, each in whole
        for a in each.attestations
        if a.predicate_type in PROVENANCES
    ]
    if not found:
        raise _none(what)
    return _unique(found)


def attached(
    what: str, platforms: Sequence[Platform], say: Say, *, offline: bool = False
) -> list[Heard]:
    """Return what is attached to the image and claims to be its provenance: nobody proves it.

    Of a project it is what the build left beside the image. EvidenceError if there is none.
    """
    from imgforge import sources

    name = sources.parse(what)
    if name.kind in {names.DAEMON, names.DOCKER_ARCHIVE, names.DOCKERFILE}:
        raise InvalidInputError(
            f"{what} has no place for provenance",
            hint="name the image where it was published, or an OCI layout or archive of it",
        )
    troubles: list[ImgforgeError] = []
    with _opened(name, platforms, say, offline=offline) as (where, top, bring):
        found = list(_said(where, top, bring, troubles))
        if not found and name.kind == names.PROJECT:
            found = list(_beside(name.path, top))
    if not found:
        # What did not answer, or is damaged, may be it.
        raise troubles[0] if troubles else _none(what)
    return _unique(found)


def _none(what: str) -> EvidenceError:
    return EvidenceError(
        f"{what} has no provenance that can be read",
        hint="imgforge build attests it when it signs; other builders need to be asked for it",
    )


def _unique(found: list[Heard]) -> list[Heard]:
    """Leave out what is said again, of another platform or by another signatory."""
    from imgforge.oci.types import canonical_json

    return list({(h.kind, canonical_json(h.predicate)): h for h in reversed(found)}.values())[::-1]


@contextmanager
def _opened(
    name: Name, platforms: Sequence[Platform], say: Say, *, offline: bool
) -> Iterator[tuple[Attached, Descriptor, Callable[[Descriptor], None]]]:
    from imgforge import sources
    from imgforge.verify.attached import InLayout, InRegistry

    if name.kind != names.REGISTRY:
        with sources.open_source(name, say=say, offline=offline) as source:
            top = sole.image(source.blobs, source.tops, _ONE)
            yield InLayout(source.blobs), top, lambda _: None
        return
    if offline:
        raise InvalidInputError(f"{name.place} is in a registry, and this run is offline")
    from imgforge.oci.reference import Reference
    from imgforge.oci.registry import Registry

    with ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="imgforge-provenance-"))
        registry = stack.enter_context(Registry(Reference.parse(name.place)))
        layout = Layout.create(Path(scratch) / "layout")
        top, data = registry.resolve()
        layout.add(data, top.media_type)
        registry.fetch_manifests(top, layout, platforms or None)
        yield InRegistry(registry, layout), top, lambda blob: registry.fetch_blob(blob, layout)


def _said(
    where: Attached,
    top: Descriptor,
    bring: Callable[[Descriptor], None],
    troubles: list[ImgforgeError],
) -> Iterator[Heard]:
    """Yield every statement of provenance about ``top`` and the images under it.

    ``bring`` makes a blob be there, ``troubles`` is given what could not be read.
    """
    from imgforge.signing.bundle import MAX_SIZE

    images = [top, *(where.blobs.images(top) if top.media_type in INDEXES else ())]
    for image in images:
        for gather in (where.bundles, where.older):
            attached = gather(image.digest, set(PROVENANCES))
            troubles += attached.troubles
            for piece in attached.pieces:
                try:
                    statement = _statement(piece, where.blobs.read(piece.layer, limit=MAX_SIZE))
                except CorruptLayoutError as error:
                    troubles.append(error)
                    continue
                except ValueError:
                    continue  # whoever may push may attach anything: it is no provenance
                if statement.predicate_type in PROVENANCES and statement.is_about(image.digest):
                    yield Heard(
                        top.digest,
                        image.digest,
                        image.platform,
                        statement.predicate_type,
                        statement.predicate,
                    )
    yield from _of_buildkit(where.blobs, images, bring, troubles)


def _statement(piece: Piece, data: bytes) -> Statement:
    from imgforge.signing import simple
    from imgforge.signing.bundle import Bundle
    from imgforge.verify.attached import OLDER_ATTESTATION

    if piece.kind == OLDER_ATTESTATION:
        envelope = simple.OlderAttestation.from_layer(piece.layer, data).envelope
    else:
        envelope = Bundle.from_bytes(data).envelope
    return Statement.from_bytes(envelope.payload)


def _of_buildkit(
    blobs: Blobs,
    images: Sequence[Descriptor],
    bring: Callable[[Descriptor], None],
    troubles: list[ImgforgeError],
) -> Iterator[Heard]:
    """Yield what BuildKit puts into an index beside the images (its attestation storage)."""
    top = images[0]
    for image in images[1:]:
        read = []
        try:
            for layer in references(blobs.read_json(image))[1:]:
                if layer.media_type == _STATEMENT and layer.size <= MAX_MANIFEST:
                    bring(layer)
                    read.append(Statement.from_bytes(blobs.read(layer)))
        except ImgforgeError as error:
            troubles.append(error)
        except ValueError:
            continue
        for statement in read:
            about = next((one for one in images if statement.is_about(one.digest)), None)
            if statement.predicate_type in PROVENANCES and about is not None:
                yield Heard(
                    top.digest,
                    about.digest,
                    about.platform,
                    statement.predicate_type,
                    statement.predicate,
                )


def _beside(path: Path, top: Descriptor) -> Iterator[Heard]:
    """Yield the provenance of the build in a project's output, if it is of the image there."""
    from imgforge.evidence import PROVENANCE as FILE
    from imgforge.oci.types import sha256
    from imgforge.output import DEFAULT, Output

    folder = path.parent if path.is_file() else path
    output = Output(folder / DEFAULT if (folder / DEFAULT).is_dir() else folder)
    record = output.record()
    if record is None or record.descriptor.digest != top.digest or FILE not in record.evidence:
        return
    try:
        data = (output.path / "evidence" / FILE).read_bytes()
    except OSError as error:
        raise EvidenceError(f"{output.path} lacks {FILE}: {error.strerror}") from error
    if sha256(data) != record.evidence[FILE]:
        raise EvidenceError(f"{output.path}: {FILE} is not what the build wrote")
    try:
        predicate = strictjson.load_object(data)
    except ValueError as error:
        raise EvidenceError(f"{output.path}: {FILE}: {error}") from error
    yield Heard(top.digest, top.digest, None, PROVENANCE, predicate)
