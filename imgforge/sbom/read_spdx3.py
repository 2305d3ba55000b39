"""SPDX 3.0 as JSON-LD in its one serialisation (spdx.github.io/spdx-spec/v3.0.1), read."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from imgforge.inventory import Component, System
from imgforge.inventory.component import Scope
from imgforge.sbom import fields, gathered, notes
from imgforge.sbom.fields import Object, UnfitError, items, named, pairs, text, texts
from imgforge.sbom.gathered import Entries, Read

_NAME: Final = "SPDX"
_CONTEXT: Final = re.compile(r"https://spdx\.org/rdf/(3\.[0-9]+\.[0-9]+)/spdx-context\.jsonld")
_NO_PACKAGE: Final = frozenset(
    {"container", "operatingSystem", "file", "source", "archive", "device", "firmware"}
)
"""Purposes that are listed beside packages, if they have no purl."""
_LICENCES: Final = ("hasConcludedLicense", "hasDeclaredLicense")
_RELATIONS: Final = frozenset({"Relationship", "LifecycleScopedRelationship"})
_WHOLES: Final = frozenset({"SpdxDocument", "software_Sbom", "Bom"})

_Graph = dict[str, Object]


class _Relation(NamedTuple):
    source: str
    kind: str
    targets: list[str]
    scope: str


def read(value: Object) -> Read:
    """Return what the document says; UnfitError if it is not whole."""
    version = _version(value)
    graph: _Graph = {}

    def keep(one: Object) -> None:
        ref = text(one, "spdxId") or text(one, "@id") or f" {len(graph)}"
        if ref in graph:
            raise UnfitError(f"there is the identifier {ref[:80]!a} a second time")
        graph[ref] = one

    for _ in fields.each(value, "@graph", keep):
        pass
    try:
        return _read(version, graph)
    except UnfitError as error:
        raise UnfitError(f"@graph: {error}") from error


def _read(version: str, graph: _Graph) -> Read:
    name, created, roots = _wholes(graph)
    entries, tools = Entries(), set()
    licences: dict[str, str] = {}
    for relation in _relations(graph):
        if relation.kind in _LICENCES:
            licences[relation.source] = _licences(relation, graph)
        elif relation.kind == "usesTool" and relation.scope == "build":
            tools.update(relation.targets)
        else:
            _needs(relation, entries, roots)
    about = gathered.About()
    for ref, one in graph.items():
        kind, noted = text(one, "type"), _notes(one)
        if kind == "software_File" and f"{notes.OURS}location" in noted:
            sha256 = next((h for h in _hashes(one) if h.startswith("sha256:")), "")
            entries.files.append(notes.file(sha256.removeprefix("sha256:"), noted))
        elif kind == "software_Package":
            purl = _purl(one) or notes.one(noted, "purl")
            if ref in roots and gathered.is_image(purl):
                version_ = text(one, "software_packageVersion")
                about = gathered.about(version_, purl, _hashes(one), noted)
            elif _is_package(one, purl):
                listed = entries.tools if ref in tools else entries.components
                listed[ref] = _component(one, purl, licences.get(ref, ""), graph)
            elif text(one, "software_primaryPurpose") == "operatingSystem":
                entries.systems.append(_system(one))
    return _NAME, version, name, created, gathered.inventory(entries, about)


def _is_package(one: Object, purl: str) -> bool:
    if purl:
        return not gathered.is_image(purl)
    return text(one, "software_primaryPurpose") not in _NO_PACKAGE


def _system(one: Object) -> System:
    codename = notes.one(_notes(one), "codename")
    return System(named(one, "name"), text(one, "software_packageVersion"), codename)


def _version(value: Object) -> str:
    context = value.get("@context")
    for one in context if isinstance(context, list) else [context]:
        found = _CONTEXT.fullmatch(one) if isinstance(one, str) else None
        if found:
            return found[1]
    raise UnfitError("@context: it is not SPDX 3's")


def _wholes(graph: _Graph) -> tuple[str, int | None, set[str]]:
    """Return the document's name and time, and what it and its SBOMs are about."""
    name, created, roots = "", None, set()
    for one in graph.values():
        if text(one, "type") not in _WHOLES:
            continue
        roots.update(texts(one, "rootElement"))
        if text(one, "type") == "SpdxDocument":
            name = text(one, "name")
            info = one.get("creationInfo")
            held = graph.get(info, {}) if isinstance(info, str) else info
            if isinstance(held, dict):
                created = fields.time(text(held, "created"), "created")
    return name, created, roots


def _relations(graph: _Graph) -> list[_Relation]:
    """Return all relations; what is concluded of licences first, for what is declared counts."""
    found = []
    for one in graph.values():
        if text(one, "type") in _RELATIONS:
            kind, targets = named(one, "relationshipType"), texts(one, "to")
            found.append(_Relation(named(one, "from"), kind, targets, text(one, "scope")))
    return sorted(found, key=lambda each: each.kind != _LICENCES[0])


def _needs(relation: _Relation, entries: Entries, roots: set[str]) -> None:
    source, kind, targets, when = relation
    scope: Scope | None = None
    if kind == "dependsOn" and source not in roots:
        entries.needs.setdefault(source, set()).update(targets)
    elif kind == "dependsOn" and when == "development":
        scope = "dev"
    elif kind in {"hasOptionalComponent", "hasOptionalDependency"}:
        scope = "optional"
    if scope is not None:
        entries.scopes.update(dict.fromkeys(targets, scope))


def _component(one: Object, purl: str, licence: str, graph: _Graph) -> Component:
    package = notes.package(purl, named(one, "name"), text(one, "software_packageVersion"))
    package = package._replace(
        licence=licence,
        supplier=_supplier(one, graph),
        hashes=_hashes(one),
        cpes=tuple(v for kind, v in _identifiers(one) if kind in {"cpe22", "cpe23"}),
    )
    return notes.component(package, _notes(one))


def _purl(one: Object) -> str:
    found = {text(one, "software_packageUrl")} - {""}
    found |= {value for kind, value in _identifiers(one) if kind == "packageUrl"}
    if len(found) > 1:
        raise UnfitError(f"{named(one, 'spdxId')[:80]!a} has several package URLs")
    return next(iter(found), "")


def _identifiers(one: Object) -> list[tuple[str, str]]:
    return pairs(one, "externalIdentifier", "externalIdentifierType", "identifier")


def _licences(relation: _Relation, graph: _Graph) -> str:
    listed = [graph.get(target, {}) for target in relation.targets]
    return gathered.all_of(
        text(o, "simplelicensing_licenseExpression") or text(o, "name") for o in listed
    )


def _supplier(one: Object, graph: _Graph) -> str:
    listed = [text(one, "suppliedBy")] if isinstance(one.get("suppliedBy"), str) else []
    listed += [ref for ref in items(one, "originatedBy") if isinstance(ref, str)]
    for ref in listed:
        who = graph.get(ref, {})
        name = text(who, "name")
        mail = next((value for kind, value in _identifiers(who) if kind == "email"), "")
        if name or mail:
            return f"{name} <{mail}>" if name and mail and name != mail else name or mail
    return ""


def _hashes(one: Object) -> tuple[str, ...]:
    return gathered.digests(pairs(one, "verifiedUsing", "algorithm", "hashValue"))


def _notes(one: Object) -> notes.Notes:
    said = text(one, "comment")
    return gathered.grouped(notes.from_lines(said)) if said.startswith(notes.OURS) else {}
