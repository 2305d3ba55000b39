"""Conditions on SLSA provenance, v1 and v0.2 (slsa.dev/spec): who built, how, from what.

Which fields say where the source lies depends on the build type; docs/reference/build-type.md has
the table. Where several say it, all must fit: none of them is better than another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imgforge import lock, repository
from imgforge.signing.statement import PROVENANCE, PROVENANCES
from imgforge.verify.conditions.shown import (
    Unreadable,
    at,
    fits,
    fits_uri,
    items,
    shown,
    text,
    word,
)
from imgforge.verify.demand import Attested

IMGFORGE: Final = "https://imgforge.dev/build/v1"
BUILDKIT: Final = frozenset(
    {
        "https://mobyproject.org/buildkit@v1",
        "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
    }
)
"""The build types of BuildKit's provenance v0.2 and v1."""
MAX_MATERIALS: Final = 20_000

_IMAGE: Final = re.compile(
    r"(?:oci|oci-layout|docker|docker-image):|pkg:(?:docker|oci)/", re.IGNORECASE
)
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_METADATA: Final = ("https://mobyproject.org/buildkit@v1#metadata", "buildkit_metadata")


@dataclass(frozen=True, slots=True)
class _Version:
    """Where one version of the predicate says what: paths of keys."""

    build_type: tuple[str, ...]
    builder: tuple[str, ...]
    parameters: tuple[str, ...]
    metadata: tuple[str, ...]
    materials: tuple[str, ...]


_V1: Final = _Version(
    ("buildDefinition", "buildType"),
    ("runDetails", "builder", "id"),
    ("buildDefinition", "externalParameters"),
    ("runDetails", "metadata"),
    ("buildDefinition", "resolvedDependencies"),
)
_V02: Final = _Version(
    ("buildType",), ("builder", "id"), ("invocation",), ("metadata",), ("materials",)
)


@dataclass(frozen=True, slots=True)
class _Claim:
    """One field that says where the source lies. ``pinned`` is None if no commit belongs there."""

    place: str
    uri: object
    ref: object = None
    pinned: bool | None = None
    context: bool = False
    """Whether it is written as BuildKit writes build contexts."""


def reasons(attested: Attested, predicate: object) -> Iterator[str]:
    """Yield why the provenance is not what is demanded; InvalidInputError for a broken lock."""
    if attested.type not in PROVENANCES:
        yield f"{shown(attested.type)} is no type of SLSA provenance that is read here"
        return
    version = _V1 if attested.type == PROVENANCE else _V02
    if attested.builder:
        yield from _fitting(predicate, version.builder, attested.builder)
    if attested.build_type:
        yield from _fitting(predicate, version.build_type, attested.build_type)
    if attested.source or attested.ref:
        yield from _source(attested, predicate, version)
    if attested.locked is not None:
        yield from _locked(attested.locked, predicate, version)


def _fitting(predicate: object, path: Sequence[str], glob: str) -> Iterator[str]:
    found = text(predicate, *path)
    if not fits_uri(found, glob):
        yield f"{'.'.join(path)} is {shown(found)}, not {shown(glob)}"


def _source(attested: Attested, predicate: object, version: _Version) -> Iterator[str]:
    kind = text(predicate, *version.build_type)
    claims = list(_claims(kind, predicate, version))
    if not claims:
        yield f"no field that is read of {shown(kind)} says which repository the source is from"
    if kind == IMGFORGE:
        yield from _changed(_materials(predicate, version))
    if kind in BUILDKIT:
        yield from _marked(predicate, version)
    for claim in claims:
        yield from _against(attested, claim)


def _against(attested: Attested, claim: _Claim) -> Iterator[str]:
    if claim.uri is None:
        yield f"it does not say which repository the source is from: {claim.place} is missing"
        return
    if not isinstance(claim.uri, str):
        yield f"{claim.place}: there is no text, but {shown(claim.uri)}"
        return
    read = repository.read_context if claim.context else repository.read
    try:
        found = read(claim.uri)
    except ValueError as error:
        yield f"{claim.place} is {shown(claim.uri)}, which is not read as a repository: {error}"
        return
    if claim.pinned is False:
        yield f"{claim.place}: no commit stands beside {shown(claim.uri)}"
    if attested.source and not fits_uri(found.repository, repository.folded(attested.source)):
        said = f"the source is {shown(found.repository)}, not {shown(attested.source)}"
        yield f"{claim.place}: {said}"
    if attested.ref:
        refs = {ref for ref in (found.ref, claim.ref) if ref}
        if not refs:
            yield f"{claim.place}: {shown(claim.uri)} names no ref, not {shown(attested.ref)}"
        for ref in refs:
            if not isinstance(ref, str) or not fits(ref, attested.ref):
                yield f"{claim.place}: the ref is {shown(ref)}, not {shown(attested.ref)}"


def _claims(kind: str, predicate: object, version: _Version) -> Iterator[_Claim]:
    """Yield all that says where the source lies, as docs/reference/build-type.md lists it."""
    if kind in BUILDKIT:
        yield from _contexts(predicate, version)
        return
    given = at(predicate, *version.parameters)
    path = ".".join(version.parameters)
    if kind != IMGFORGE:
        workflow, source = at(given, "workflow"), at(given, "source")
        if workflow is not None:
            where = f"{path}.workflow.repository"
            yield _Claim(where, at(workflow, "repository"), ref=at(workflow, "ref"))
        if source is not None:
            of = at(source, "uri") if isinstance(source, dict) else source
            yield _Claim(f"{path}.source", of)
        config = at(given, "configSource")
        if config is not None:
            where = f"{path}.configSource.uri"
            yield _Claim(where, at(config, "uri"), pinned=_pinned(config))
    for index, material in enumerate(_materials(predicate, version)):
        if (kind == IMGFORGE and material.get("name") == "source") or _is_git(material):
            where = f"{version.materials[-1]}[{index}].uri"
            yield _Claim(where, material.get("uri"), pinned=_pinned(material))


def _is_git(material: Mapping[str, object]) -> bool:
    """Whether it is a commit of a repository, or nobody can tell what it is."""
    uri = material.get("uri")
    if uri is not None and not isinstance(uri, str):
        return True
    git = uri is not None and uri[:4].lower() in {"git+", "git:"}
    return git or at(material, "digest", "gitCommit") is not None


def _contexts(predicate: object, version: _Version) -> Iterator[_Claim]:
    """Yield what BuildKit's provenance says: what started the build, and what its client hinted."""
    given = at(predicate, *version.parameters)
    path = ".".join(version.parameters)
    for way in ((), ("request", "root"), ("parameters", "root")):
        config = at(given, *way, "configSource")
        uri = at(config, "uri")
        if uri is not None:
            where = ".".join((path, *way, "configSource.uri"))
            yield _Claim(where, uri, pinned=_pinned(config), context=True)
    for where, hint in _hints(predicate, version, "source"):
        yield _Claim(where, hint, context=True)


def _marked(predicate: object, version: _Version) -> Iterator[str]:
    """Yield that a client of BuildKit says its folder was changed since the commit."""
    for where, revision in _hints(predicate, version, "revision"):
        if not isinstance(revision, str) or not _COMMIT.fullmatch(revision):
            yield f"{where} is {shown(revision)}, which is no commit as it is in the repository"


def _hints(predicate: object, version: _Version, name: str) -> Iterator[tuple[str, object]]:
    ways = [
        (*version.parameters, *way, f"vcs:{name}")
        for way in (
            ("request", "args"),
            ("request", "root", "request", "args"),
            ("parameters", "args"),
            ("parameters", "root", "request", "args"),
        )
    ]
    ways += [(*version.metadata, key, "vcs", name) for key in _METADATA]
    for way in ways:
        found = at(predicate, *way)
        if found is not None:
            yield ".".join(way), found


def _changed(materials: Sequence[Mapping[str, object]]) -> Iterator[str]:
    """Yield that what imgforge built is not, or not certainly, what the commit has."""
    named = [material for material in materials if material.get("name") == "source"]
    if not named:
        yield "no resolved dependency is named source"
    for material in named:
        dirty = at(material, "annotations", "dirty")
        if dirty is not False:
            said = "nothing" if dirty is None else shown(dirty)
            yield f"the source may differ from its commit: its annotation dirty is {said}"


def _locked(path: Path, predicate: object, version: _Version) -> Iterator[str]:
    pinned = _pins(lock.read(path))
    own = at(predicate, *version.build_type) == IMGFORGE
    bases = 0
    for index, material in enumerate(_materials(predicate, version)):
        where = f"{version.materials[-1]}[{index}]"
        uri = material.get("uri")
        if not isinstance(uri, str):
            if not (own and uri is None and material.get("name") == "source"):
                yield f"{where} has no uri: it may be a base"
            continue
        if not _IMAGE.match(uri):
            continue
        bases += 1
        digests = [f"sha256:{word(material, 'digest', 'sha256')}"]
        if at(material, "annotations", "flattened") is not None:
            digests.append(word(material, "annotations", "flattened"))
        for digest in digests:
            if digest not in pinned:
                yield f"{where}: the lock does not pin {shown(uri)} by {shown(digest)}"
    if not bases:
        yield "the provenance names no base, and each is to be in the lock"


def _pins(found: lock.Lock) -> frozenset[str]:
    bases = [base for base in (found.runtime, found.builder) if base is not None]
    pins = {digest for base in bases for digest in (base.digest, base.upstream) if digest}
    return frozenset(pins | {image.digest for base in bases for image in base.platforms})


def _materials(predicate: object, version: _Version) -> list[dict[str, object]]:
    found = items(predicate, *version.materials)
    where = ".".join(version.materials)
    if len(found) > MAX_MATERIALS:
        raise Unreadable(f"{where}: there are over {MAX_MATERIALS}")
    out = [material for material in found if isinstance(material, dict)]
    if len(out) < len(found):
        raise Unreadable(f"{where}: not all are objects")
    return out


def _pinned(material: object) -> bool:
    digests = (at(material, "digest", name) for name in ("gitCommit", "sha1"))
    return any(isinstance(d, str) and _COMMIT.fullmatch(d) for d in digests)
