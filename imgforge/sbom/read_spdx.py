"""SPDX 2.x as JSON, read, whoever wrote it (spdx.github.io/spdx-spec/v2.3)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from imgforge.inventory import Component, System
from imgforge.sbom import fields, gathered, notes
from imgforge.sbom.fields import Object, UnfitError, below, named, text
from imgforge.sbom.gathered import Entries, Read
from imgforge.sbom.parts import TOOL_PURL

_NAME: Final = "SPDX"
_VERSION: Final = re.compile(r"SPDX-(2\.[0-9])")
_NO_PACKAGE: Final = frozenset(
    {"CONTAINER", "OPERATING_SYSTEM", "FILE", "SOURCE", "ARCHIVE", "DEVICE", "FIRMWARE"}
)
"""Purposes that are listed beside packages, if they have no purl."""
_SOURCE: Final = "built package from: "
"""Trivy's, and ours."""
_NOTHING: Final = frozenset({"NOASSERTION", "NONE"})
_CPES: Final = frozenset({"cpe22Type", "cpe23Type"})
_WHO: Final = re.compile(r"(?:Person|Organization): *(?P<name>.*?)(?: *\((?P<mail>[^()]*)\))?")
_NEEDED: Final = frozenset(
    {
        *("DEPENDENCY_OF", "RUNTIME_DEPENDENCY_OF", "DEV_DEPENDENCY_OF"),
        *("OPTIONAL_DEPENDENCY_OF", "BUILD_DEPENDENCY_OF", "PROVIDED_DEPENDENCY_OF"),
    }
)
"""Relationships whose first element is needed by the second."""


_RELATION: Final = ("spdxElementId", "relationshipType", "relatedSpdxElement")


class _Relation(NamedTuple):
    source: str
    kind: str
    target: str


def read(value: Object) -> Read:
    """Return what the document says; UnfitError if it is not whole."""
    said = named(value, "spdxVersion")
    version = _VERSION.fullmatch(said)
    if version is None:
        raise UnfitError(f"spdxVersion: {said[:20]!a} is not read")
    relations = list(fields.each(value, "relationships", _relation))
    described = set(fields.texts(value, "documentDescribes"))
    described |= {r.target for r in relations if r.kind == "DESCRIBES"}
    tools = {r.source for r in relations if r.kind == "BUILD_TOOL_OF"}
    entries, abouts = Entries(), []

    def take(one: Object) -> None:
        ref, purl = named(one, "SPDXID"), _purl(one)
        entries.know(ref)
        if ref in described and gathered.is_image(purl):
            noted = _notes(one)
            abouts.append(gathered.about(text(one, "versionInfo"), purl, _checksums(one), noted))
        else:
            _take(one, ref, purl, entries, tool=ref in tools)

    for _ in fields.each(value, "packages", take):
        pass
    for relation in relations:
        _relate(relation, entries)
    info = below(value, "creationInfo")
    created = fields.time(text(info, "created"), "creationInfo.created")
    whole = abouts[0] if abouts else gathered.About()
    return _NAME, version[1], text(value, "name"), created, gathered.inventory(entries, whole)


def _take(one: Object, ref: str, purl: str, entries: Entries, *, tool: bool) -> None:
    # The specification's text has a hyphen in OPERATING-SYSTEM, its schema has none.
    purpose = text(one, "primaryPackagePurpose").replace("-", "_")
    noted = _notes(one)
    if purpose == "OPERATING_SYSTEM" and not purl:
        version = text(one, "versionInfo")
        entries.systems.append(System(named(one, "name"), version, notes.one(noted, "codename")))
    elif purpose == "FILE" and not purl:
        if f"{notes.OURS}location" in noted:
            sha256 = next((h for h in _checksums(one) if h.startswith("sha256:")), "")
            entries.files.append(notes.file(sha256.removeprefix("sha256:"), noted))
    elif _is_package(purpose, purl, noted):
        listed = entries.tools if tool else entries.components
        listed[ref] = _component(one, purl, noted)


def _is_package(purpose: str, purl: str, noted: notes.Notes) -> bool:
    if purl:
        return not gathered.is_image(purl)
    return purpose not in _NO_PACKAGE and f"{notes.TRIVY}Class" not in noted


def _component(one: Object, purl: str, noted: notes.Notes) -> Component:
    package = notes.package(purl, named(one, "name"), text(one, "versionInfo"))
    references = fields.pairs(one, "externalRefs", "referenceType", "referenceLocator")
    package = package._replace(
        licence=_licence(one),
        supplier=_supplier(one),
        hashes=_checksums(one),
        cpes=tuple(locator for kind, locator in references if kind in _CPES),
    )
    return notes.component(package, noted)


def _relate(relation: _Relation, entries: Entries) -> None:
    source, kind, target = relation
    if kind == "DEPENDS_ON":
        entries.needs.setdefault(source, set()).add(target)
    elif kind in _NEEDED:
        entries.needs.setdefault(target, set()).add(source)
        if kind == "DEV_DEPENDENCY_OF":
            entries.scopes[source] = "dev"
        elif kind == "OPTIONAL_DEPENDENCY_OF":
            entries.scopes[source] = "optional"


def _relation(one: Object) -> _Relation:
    # A document has thousands: what is as it should be is taken without being asked twice.
    source, kind, target = (one.get(key) for key in _RELATION)
    if type(source) is type(kind) is type(target) is str and source and kind and target:
        return _Relation(source, kind, target)
    return _Relation(
        named(one, "spdxElementId"),
        named(one, "relationshipType"),
        named(one, "relatedSpdxElement"),
    )


def _purl(one: Object) -> str:
    """Return the package's purl; two that differ are an error."""
    found = fields.pairs(one, "externalRefs", "referenceType", "referenceLocator")
    purls = {locator for kind, locator in found if kind in {"purl", TOOL_PURL}}
    if len(purls) > 1:
        raise UnfitError("externalRefs: there are several package URLs")
    return next(iter(purls), "")


def _licence(one: Object) -> str:
    declared = text(one, "licenseDeclared")
    if declared and declared not in _NOTHING:
        return declared
    concluded = text(one, "licenseConcluded")
    return "" if concluded in _NOTHING else concluded


def _supplier(one: Object) -> str:
    for key in ("supplier", "originator"):
        found = _WHO.fullmatch(text(one, key))
        if found:
            name, mail = found["name"], found["mail"] or ""
            return f"{name} <{mail}>" if name and mail else name or mail
    return ""


def _checksums(one: Object) -> tuple[str, ...]:
    return gathered.digests(fields.pairs(one, "checksums", "algorithm", "checksumValue"))


def _notes(one: Object) -> notes.Notes:
    pairs = []
    source = text(one, "sourceInfo")
    if source.startswith(_SOURCE):
        name, _, version = source.removeprefix(_SOURCE).partition(" ")
        pairs += [(f"{notes.TRIVY}SrcName", name), (f"{notes.TRIVY}SrcVersion", version)]
    for comment in fields.each(one, "annotations", lambda each: text(each, "comment")):
        pairs += notes.from_lines(comment)
    for comment in fields.texts(one, "attributionTexts"):
        pairs += notes.from_lines(comment)
    return gathered.grouped(pairs)
