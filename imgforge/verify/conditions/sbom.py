"""Conditions on SBOMs: SPDX 2.x, SPDX 3.0 and CycloneDX 1.x, whoever wrote them.

One is true if it lists just the packages that the image's layers have, by type, namespace, name and
version of their package URLs. Spellings that the purl specification lets differ are one; qualifiers
(architecture, distribution) don't count, but for a version's epoch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from imgforge.oci.layout import CorruptLayoutError, references
from imgforge.oci.types import is_digest
from imgforge.sbom import purls
from imgforge.signing.statement import CYCLONEDX, SPDX
from imgforge.verify.conditions.shown import Unreadable, at, items, shown, text, word

if TYPE_CHECKING:
    from imgforge.analysis import ImageFacts
    from imgforge.verify.conditions import Judged
    from imgforge.verify.demand import Attested

MAX_LISTED: Final = 500_000
_NAMED: Final = 5
_FOLDED: Final = frozenset({"deb", "apk", "rpm", "github", "bitbucket", "composer", "oci"})
"""Types whose namespace and name have no case (purl-spec, PURL-TYPES)."""
_NO_PACKAGE: Final = frozenset(
    {
        *(
            "CONTAINER",
            "OPERATING-SYSTEM",
            "OPERATING_SYSTEM",
            "FILE",
            "SOURCE",
            "ARCHIVE",
            "DEVICE",
            "FIRMWARE",
        ),
        *("container", "operating-system", "file", "platform", "device", "firmware", "data"),
        *("operatingSystem", "archive", "source"),
    }
)
"""What SPDX and CycloneDX list beside packages, by its purpose or type; without a purl only."""
_FATAL: Final = frozenset({"digest", "diff-id", "malformed", "record"})
"""Problems of a layer after which nobody knows all packages in it."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """One package of a document.

    ``kind`` is its purpose or type, ``digests`` what it is said to hash to. ``root``: it stands for
    what the whole document is about.
    """

    name: str
    version: str
    purl: str
    kind: str
    digests: tuple[str, ...] = ()
    root: bool = False


Purl = tuple[str, str, str, str]
"""Type, namespace, name and version, each in the one spelling in which they are compared."""


def is_sbom(kind: str) -> bool:
    """Whether a predicate of this type is an SBOM; some writers put the version behind."""
    return any(kind == known or kind.startswith(f"{known}/") for known in (SPDX, CYCLONEDX))


def reasons(attested: Attested, predicate: object, subject: Judged) -> Iterator[str]:
    """Yield why the document is no SBOM, or (with ``true``) not one of this image's packages."""
    if not is_sbom(attested.type):
        yield f"{shown(attested.type)} is no type of SBOM that is read here"
        return
    cyclonedx = attested.type.startswith(CYCLONEDX)
    listed = _cyclonedx(predicate) if cyclonedx else _spdx(predicate)
    if not listed:
        yield "the SBOM lists nothing, not even what it is about"
    if attested.true:
        yield from _against(listed, subject)


def normal(purl: str) -> Purl:
    """Return a package URL for comparison; ValueError if it is none."""
    said = purls.parse(purl)
    kind, namespace, name, version = said.kind, said.namespace, said.name, said.full_version
    if kind in _FOLDED:
        namespace, name = namespace.lower(), name.lower()
    elif kind == "pypi":
        name = re.sub(r"[-_.]+", "-", name).lower()
    if kind in {"deb", "rpm"}:
        version = version.removeprefix("0:")
    return kind, namespace, name, version


def _against(listed: Sequence[_Listed], subject: Judged) -> Iterator[str]:
    if subject.layout is None:
        yield "whether the SBOM is true is not known: the image's layers were not read"
        return
    try:
        facts = _facts(subject)
        config = references(subject.layout.read_json(subject.image))[0].digest
    except CorruptLayoutError as error:
        yield f"the image cannot be read: {error.message}"
        return
    layers = (problem for layer in facts.layers for problem in layer.problems)
    for problem in (*(problem for _, problem in facts.problems), *layers):
        if problem.kind in _FATAL:
            yield f"the image's packages are not known: {shown(problem.path)}: {problem.detail!a}"
    yield from _other_image(listed, {subject.digest, subject.image.digest, config})
    yield from _differing(listed, facts)


def _facts(subject: Judged) -> ImageFacts:
    from imgforge import cache
    from imgforge.analysis import analyse

    assert subject.layout is not None  # noqa: S101 - for the type checker
    store = cache.directory("analysis")
    return analyse(subject.layout, subject.image, cache=store, whole=True)


def _differing(listed: Sequence[_Listed], facts: ImageFacts) -> Iterator[str]:
    have = {normal(package.purl) for package in facts.packages}
    said: set[Purl] = set()
    nameless: list[str] = []
    for one in listed:
        if not one.purl:
            if not one.root and one.kind not in _NO_PACKAGE:
                nameless.append(shown(f"{one.name} {one.version}".strip()))
            continue
        try:
            purl = normal(one.purl)
        except ValueError as error:
            yield f"the SBOM lists {shown(one.purl)}: {error}"
            continue
        if not (one.root or purl[0] == "oci"):
            said.add(purl)
    yield from _several("the SBOM lists without a package URL", nameless)
    yield from _several("the SBOM lists what no layer has", map(_spelt, sorted(said - have)))
    yield from _several("the layers have what the SBOM lacks", map(_spelt, sorted(have - said)))


def _spelt(purl: Purl) -> str:
    kind, namespace, name, version = purl
    return shown("pkg:" + "/".join(p for p in (kind, namespace, name) if p) + f"@{version}")


def _several(what: str, names: Iterator[str] | Sequence[str]) -> Iterator[str]:
    all_of_them = list(names)
    if all_of_them:
        more = len(all_of_them) - _NAMED
        rest = f" and {more} more" if more > 0 else ""
        yield f"{what}: {', '.join(all_of_them[:_NAMED])}{rest}"


def _other_image(listed: Sequence[_Listed], digests: set[str]) -> Iterator[str]:
    """Yield that the document says it is about another image; it need not say which."""
    for one in listed:
        if not one.root:
            continue
        named = [*one.digests, one.version]
        if one.purl.lower().startswith("pkg:oci/"):
            named.append(unquote(one.purl.partition("@")[2].partition("?")[0]))
        for digest in named:
            if is_digest(digest) and digest not in digests:
                yield f"the SBOM is about {digest}"


def _spdx(value: object) -> list[_Listed]:
    if at(value, "@graph") is not None:
        return _spdx3(value)
    version = text(value, "spdxVersion")
    if not re.fullmatch(r"SPDX-2\.[0-9]", version):
        raise Unreadable(f"spdxVersion: {shown(version)} is not read")
    described = {one for one in _list(value, "documentDescribes") if isinstance(one, str)}
    tools: set[str] = set()
    for relation in _list(value, "relationships"):
        if at(relation, "relationshipType") == "DESCRIBES":
            described.add(word(relation, "relatedSpdxElement"))
        elif at(relation, "relationshipType") == "BUILD_TOOL_OF":
            tools.add(word(relation, "spdxElementId"))
    out = []
    for index, one in enumerate(_bounded(items(value, "packages"))):
        place = f"packages[{index}]"
        if word(one, "SPDXID") in tools:
            continue  # said to be no part of the image, so what is part of it is lacking
        digests = [
            f"sha256:{word(sum_, 'checksumValue')}"
            for sum_ in _list(one, "checksums")
            if at(sum_, "algorithm") == "SHA256"
        ]
        purls = [ref for ref in _list(one, "externalRefs") if at(ref, "referenceType") == "purl"]
        said = {_named(ref, "referenceLocator", place) for ref in purls}
        if len(said) > 1:
            raise Unreadable(f"{place}.externalRefs: there are several package URLs")
        out.append(
            _Listed(
                _named(one, "name", place),
                _optional(one, "versionInfo", place),
                next(iter(said), ""),
                _optional(one, "primaryPackagePurpose", place),
                tuple(digests),
                word(one, "SPDXID") in described,
            )
        )
    return out


def _spdx3(value: object) -> list[_Listed]:
    """Read SPDX 3.0 (spdx.github.io/spdx-spec/v3.0.1/model/Software/Classes/Package)."""
    context = at(value, "@context")
    contexts = context if isinstance(context, list) else [context]
    form = r"https://spdx\.org/rdf/3\.[0-9]+\.[0-9]+/spdx-context\.jsonld"
    if not any(isinstance(c, str) and re.fullmatch(form, c) for c in contexts):
        raise Unreadable("@context: it is not SPDX 3's")
    graph = _bounded(items(value, "@graph"))
    roots = {
        root
        for one in graph
        if word(one, "type") in {"SpdxDocument", "software_Sbom", "Bom"}
        for root in _list(one, "rootElement")
        if isinstance(root, str)
    }
    out = []
    for index, one in enumerate(graph):
        if at(one, "type") != "software_Package":
            continue
        place = f"@graph[{index}]"
        digests = [
            f"sha256:{word(sum_, 'hashValue')}"
            for sum_ in _list(one, "verifiedUsing")
            if at(sum_, "algorithm") == "sha256"
        ]
        outside = [
            _named(ref, "identifier", place)
            for ref in _list(one, "externalIdentifier")
            if at(ref, "externalIdentifierType") in ("packageUrl", "packageURL")
        ]
        said = {purl for purl in (_optional(one, "software_packageUrl", place), *outside) if purl}
        if len(said) > 1:
            raise Unreadable(f"{place}: there are several package URLs")
        out.append(
            _Listed(
                _named(one, "name", place),
                _optional(one, "software_packageVersion", place),
                next(iter(said), ""),
                _optional(one, "software_primaryPurpose", place),
                tuple(digests),
                word(one, "spdxId") in roots,
            )
        )
    return out


def _cyclonedx(value: object) -> list[_Listed]:
    if text(value, "bomFormat") != "CycloneDX":
        raise Unreadable(f"bomFormat: {shown(at(value, 'bomFormat'))} is not read")
    version = text(value, "specVersion")
    if not re.fullmatch(r"1\.[0-9]", version):
        raise Unreadable(f"specVersion: {shown(version)} is not read")
    about = at(value, "metadata", "component")
    out = [] if about is None else [_component(about, "metadata.component", root=True)]
    pending = list(reversed(items(value, "components")))
    while pending:
        one = pending.pop()
        place = f"components[{len(out)}]"
        out.append(_component(one, place))
        pending += _list(one, "components")
        _bounded(out)
        _bounded(pending)
    return out


def _component(value: object, place: str, *, root: bool = False) -> _Listed:
    digests = [
        f"sha256:{word(hash_, 'content')}"
        for hash_ in _list(value, "hashes")
        if at(hash_, "alg") == "SHA-256"
    ]
    return _Listed(
        _named(value, "name", place),
        _optional(value, "version", place),
        _optional(value, "purl", place),
        _named(value, "type", place),
        tuple(digests),
        root,
    )


def _bounded(values: Sequence[object]) -> Sequence[object]:
    if len(values) > MAX_LISTED:
        raise Unreadable(f"the SBOM lists over {MAX_LISTED} things")
    return values


def _list(value: object, key: str) -> Sequence[object]:
    return () if at(value, key) is None else items(value, key)


def _named(value: object, key: str, place: str) -> str:
    found = at(value, key)
    if not isinstance(found, str):
        raise Unreadable(f"{place}.{key}: there is no text, but {shown(found)}")
    return found


def _optional(value: object, key: str, place: str) -> str:
    return "" if at(value, key) is None else _named(value, key, place)
