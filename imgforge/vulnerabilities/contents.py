"""What is in what a person names: its SBOM read, its attested SBOM proven, or its layers read.

SBOMs are read where they lie. Of an image in a registry its attested SBOM is, if a demand is met:
no layer is fetched then. Layers are read of images on this machine, and where that is asked for.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from imgforge import files, sources
from imgforge.errors import EvidenceError, ImgforgeError, InvalidInputError
from imgforge.sources import name as names

if TYPE_CHECKING:
    from imgforge.console import Say
    from imgforge.inventory import Inventory
    from imgforge.oci.types import Platform
    from imgforge.policy.bounds import Policy
    from imgforge.sources.name import Name
    from imgforge.verify.flags import Flags
    from imgforge.verify.proven import Attestation, Verified
    from imgforge.vulnerabilities.vex.said import Document

_MAX_LIST: Final = 16 << 20
_MANY: Final = 32
"""SBOMs from which on it pays to start processes, and how many one of them takes at a time."""
_CHUNK: Final = 4


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read: the same for all that is named in one call.

    ``layers``: images of registries are read themselves, not their attested SBOMs, of which
    ``flags`` and the policy say who must have signed them.
    """

    policy: Policy
    flags: Flags
    platforms: tuple[Platform, ...] = ()
    layers: bool = False
    offline: bool = False


@dataclass(frozen=True, slots=True)
class Contents:
    """What was named has: inventories, and VEX documents that are proven of it.

    ``origin`` says what was read.
    """

    title: str
    digest: str
    origin: str
    inventories: tuple[Inventory, ...]
    attested: tuple[Document, ...] = ()


def targets(given: Sequence[str], listed: Sequence[str] = ()) -> list[str]:
    """Return all that is meant, each once: of folders of SBOMs every JSON file below.

    InvalidInputError for a folder that has none, and for what is nothing that can be scanned.
    """
    found: dict[str, None] = {}
    for text in (*given, *listed):
        path = Path(text)
        if _is_folder(path):
            below = sorted(str(p) for p in path.rglob("*.json") if p.is_file())
            if not below:
                raise InvalidInputError(
                    f"the folder {text} has no JSON file, no image and no {files.SPEC}",
                    hint="name SBOMs, folders of them, projects, layouts or images in a registry",
                )
            found |= dict.fromkeys(below)
        else:
            if not _is_sbom(path):
                sources.parse(text)
            found[text] = None
    return list(found)


def lines(data: bytes, place: str) -> list[str]:
    """Return what a list names, one a line; empty lines and what follows a ``#`` are left out."""
    if len(data) > _MAX_LIST:
        raise InvalidInputError(f"the list {place} is over {_MAX_LIST >> 20} MiB")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"the list {place} is not UTF-8") from error
    return [
        line
        for each in text.splitlines()
        if (line := each.partition(" #")[0].strip()) and not line.startswith("#")
    ]


def read(target: str, asked: Reading, say: Say) -> Contents:
    """Return what ``target`` has.

    EvidenceError if its SBOM is not proven as demanded; else as what opens such a thing raises.
    """
    path = Path(target)
    if _is_sbom(path):
        return _document(path)
    name = sources.parse(target)
    if name.kind == names.DOCKERFILE:
        raise InvalidInputError(f"{target} is a Dockerfile, and nothing is in it yet")
    if name.kind == names.REGISTRY and not asked.layers:
        return _proven(name, asked, say)
    if name.kind == names.PROJECT and not asked.layers and not asked.platforms:
        stored = _stored(name)
        if stored is not None:
            return stored
    return _layers(name, asked, say)


def read_all(
    wanted: Sequence[str], asked: Reading, say: Say
) -> Iterator[tuple[str, Contents | ImgforgeError]]:
    """Yield each target with what it has, or why that cannot be had, in order.

    Many SBOMs are read by several processes: that is most of the time that a scan of them takes.
    """
    paths = [Path(target) for target in wanted]
    many = [str(path) for path in paths if path.suffix == ".json" and _is_sbom(path)]
    if len(many) < _MANY or (os.cpu_count() or 1) == 1:
        yield from ((target, _tried(target, asked, say)) for target in wanted)
        return
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor() as pool:
        apart = set(many)
        answers = pool.map(_tried_document, many, chunksize=_CHUNK)
        for target in wanted:
            if str(Path(target)) in apart:
                yield target, next(answers)
            else:
                yield target, _tried(target, asked, say)


def _tried(target: str, asked: Reading, say: Say) -> Contents | ImgforgeError:
    try:
        return read(target, asked, say)
    except ImgforgeError as error:
        return error


def _tried_document(name: str) -> Contents | ImgforgeError:
    try:
        return _document(Path(name))
    except ImgforgeError as error:
        return error


def _document(path: Path) -> Contents:
    from imgforge.sbom import subject

    found = subject.file(path)
    inventory = found.inventory
    origin = f"{found.format} in {path}"
    return Contents(found.name or path.name, inventory.digest, origin, (inventory,))


def _stored(name: Name) -> Contents | None:
    """Return what a project's own build wrote of its image: it says where all came from."""
    from imgforge.sbom.stored import stored

    found = stored(name)
    if found is None:
        return None
    inventories = tuple(each.inventory for each in found.documents)
    return Contents(found.name, found.digest, "the build's own SBOM", inventories)


def _layers(name: Name, asked: Reading, say: Say) -> Contents:
    from imgforge import cache, inventory
    from imgforge.analysis import analyse
    from imgforge.console import Meter
    from imgforge.inventory.standing import base_of

    meter, store = Meter(say, "reading layers"), cache.directory("analysis")
    with sources.open_source(name, say=say, offline=asked.offline) as source:
        facts = (
            analyse(source.blobs, image, cache=store, whole=True, progress=meter.add)
            for image in source.images(asked.platforms, say)
        )
        found = tuple(inventory.of(each, base=base_of(each)) for each in facts)
        told = attested(name, asked.policy, say, offline=asked.offline)
        return Contents(sources.title(name), source.digest(), "its layers", found, told)


def _proven(name: Name, asked: Reading, say: Say) -> Contents:
    """Read the SBOMs that are attested of a registry's image, as policy and flags demand."""
    from imgforge.oci.reference import Reference
    from imgforge.sbom.attested import newest
    from imgforge.signing.statement import CYCLONEDX, SPDX
    from imgforge.verify.demand import UnattestedError

    _who(name, asked)
    first: UnattestedError | None = None
    for kind in (SPDX, CYCLONEDX):
        try:
            proven = _inquired(name, kind, asked, say)
        except UnattestedError as error:
            first = first or error
            continue
        found = [newest(each, None, kind).document.inventory for _, each in _each(proven)]
        exact = Reference.parse(name.place).with_digest(proven.digest)
        told: tuple[Document, ...] = ()
        if asked.policy.vulnerabilities.trusts_attested:
            told = _vex(dataclasses.replace(name, place=str(exact)), asked, say)
        title = sources.title(name)
        return Contents(title, proven.digest, "its attested SBOM", tuple(found), told)
    raise EvidenceError(
        f"{name.place} has no attested SBOM: {first.message if first else ''}",
        hint="read the image itself with --layers, or attest an SBOM: imgforge attest --type spdx",
    )


def _who(name: Name, asked: Reading) -> None:
    try:
        asked.flags.on(asked.policy.demands(sources.title(name)))
    except InvalidInputError as error:
        raise InvalidInputError(
            f"{name.place}: nothing says who must have signed its SBOM",
            details=[error.message],
            hint="give --key or --identity and --issuer as to imgforge verify, or [[images]] in "
            "a policy; or read the image itself with --layers",
        ) from error


def _each(proven: Verified) -> Iterator[tuple[str, Verified]]:
    if proven.platforms:
        yield from ((each.digest, each) for _, each in proven.platforms)
    else:
        yield proven.digest, proven


def _inquired(name: Name, kind: str, asked: Reading, say: Say) -> Verified:
    from imgforge.verify.inquiry import Inquiry, inquire

    flags = dataclasses.replace(asked.flags, require=[kind])
    inquiry = Inquiry(asked.policy, flags, asked.platforms or None, asked.offline)
    return inquire(name.text, inquiry, say)


def attested(
    name: Name, policy: Policy, say: Say, *, offline: bool = False
) -> tuple[Document, ...]:
    """Return the VEX documents that are proven of an image, if the policy takes such.

    Nothing is proven of what has no place for evidence, or is not signed as the policy demands.
    """
    from imgforge.verify.flags import Flags

    kinds = {names.REGISTRY, names.LAYOUT, names.OCI_ARCHIVE, names.PROJECT}
    if not policy.vulnerabilities.trusts_attested or name.kind not in kinds:
        return ()
    if not policy.matching(sources.title(name)):
        say("the policy takes attested VEX documents, and says of nobody that he may sign them")
        return ()
    try:
        return _vex(name, Reading(policy, Flags(), offline=offline), say)
    except EvidenceError as error:
        say(f"no VEX document is proven of it: {error.message}")
        return ()


def _vex(name: Name, asked: Reading, say: Say) -> tuple[Document, ...]:
    """Return the OpenVEX documents that the signatories who are demanded attest."""
    from imgforge.verify.demand import UnattestedError
    from imgforge.vulnerabilities import vex

    found: dict[str, Attestation] = {}
    for kind in vex.OPENVEX:
        try:
            told = _inquired(name, kind, asked, say)
        except UnattestedError:
            continue
        for _, each in _each(told):
            found |= {a.bundle: a for a in each.attestations if a.predicate_type == kind}
    return tuple(vex.attested(each.predicate, bundle) for bundle, each in found.items())


def _is_folder(path: Path) -> bool:
    """Whether it is a folder that is nothing but a folder."""
    from imgforge.output import DEFAULT, RECORD

    if not path.is_dir():
        return False
    return not any((path / each).exists() for each in ("oci-layout", files.SPEC, DEFAULT, RECORD))


def _is_sbom(path: Path) -> bool:
    from imgforge.sbom import subject

    return subject.document_path(str(path)) is not None
