"""CycloneDX 1.x as JSON, read, whoever wrote it (cyclonedx.org/docs/1.6/json)."""

from __future__ import annotations

import re
from functools import partial
from typing import Final

from imgforge.inventory import Component, System
from imgforge.inventory.component import Scope
from imgforge.sbom import fields, gathered, notes
from imgforge.sbom.fields import Object, UnfitError, below, items, named, text
from imgforge.sbom.gathered import Entries, Read

_NAME: Final = "CycloneDX"
_VERSION: Final = re.compile(r"1\.[0-9]")
_NO_PACKAGE: Final = frozenset(
    {
        *("container", "operating-system", "file", "platform", "device", "device-driver"),
        *("firmware", "data", "cryptographic-asset"),
    }
)
"""Types that are listed beside packages, if they have no purl."""
_SCOPES: Final[dict[str, Scope]] = {"optional": "optional", "excluded": "dev"}


def read(value: Object) -> Read:
    """Return what the document says; UnfitError if it is not whole."""
    version = named(value, "specVersion")
    if not _VERSION.fullmatch(version):
        raise UnfitError(f"specVersion: CycloneDX {version[:20]!a} is not read")
    metadata = below(value, "metadata")
    root = below(metadata, "component")
    entries = Entries()
    whole = _about(root)
    if root and not gathered.is_image(text(root, "purl")):
        _take(root, entries)
    _walk(root, entries, "metadata.component.")
    _walk(value, entries)
    for _ in fields.each(value, "formulation", partial(_built, entries=entries)):
        pass
    for ref, needs in fields.each(value, "dependencies", _edges):
        entries.needs.setdefault(ref, set()).update(needs)
    created = fields.time(text(metadata, "timestamp"), "metadata.timestamp")
    name = text(root, "name")
    return _NAME, version, name, created, gathered.inventory(entries, whole)


def _walk(value: Object, entries: Entries, start: str = "") -> None:
    """Take the components, and those inside them however deep."""
    pending = [(value, start)]

    def take(one: Object) -> Object:
        _take(one, entries)
        return one

    for holder, place in pending:
        try:
            for number, one in enumerate(fields.each(holder, "components", take)):
                if one.get("components"):
                    pending.append((one, f"{place}components[{number}]."))
        except UnfitError as error:
            raise UnfitError(f"{place}{error}") from error
        if len(entries.components) > fields.MAX_LISTED:
            raise UnfitError(f"components: there are over {fields.MAX_LISTED} entries")


def _built(formula: Object, entries: Entries) -> None:
    """Take what built the image (or what is known of that)."""

    def take(one: Object) -> None:
        ref = text(one, "bom-ref")
        if ref:
            entries.know(ref)
        entries.tools[ref or f" {len(entries.tools)}"] = _component(one)

    for _ in fields.each(formula, "components", take):
        pass


def _take(one: Object, entries: Entries) -> None:
    ref = text(one, "bom-ref")
    if ref:
        entries.know(ref)
    kind, purl = named(one, "type"), text(one, "purl")
    said = _notes(one)
    if kind == "operating-system":
        entries.systems.append(_system(one, said))
    elif kind == "file" and not purl:
        if f"{notes.OURS}location" in said:
            sha256 = next((h for h in _hashes(one) if h.startswith("sha256:")), "")
            entries.files.append(notes.file(sha256.removeprefix("sha256:"), said))
    elif _is_package(kind, purl, said):
        entries.components[ref or f" {len(entries.components)}"] = _component(one, said)


def _is_package(kind: str, purl: str, said: notes.Notes) -> bool:
    if purl:
        return not gathered.is_image(purl)
    return kind not in _NO_PACKAGE and f"{notes.TRIVY}Class" not in said


def _component(one: Object, said: notes.Notes | None = None) -> Component:
    purl, group, name = text(one, "purl"), text(one, "group"), named(one, "name")
    called = f"{group}/{name}" if group and not purl else name
    package = notes.package(purl, called, text(one, "version"))
    cpe = text(one, "cpe")
    package = package._replace(
        licence=_licence(one),
        supplier=_supplier(one),
        hashes=_hashes(one),
        cpes=(cpe,) if cpe else (),
    )
    read = notes.component(package, _notes(one) if said is None else said)
    scope = text(one, "scope")
    return read._replace(scope=_SCOPES[scope]) if scope in _SCOPES else read


def _about(root: Object) -> gathered.About:
    try:
        return gathered.about(
            text(root, "version"), text(root, "purl"), _hashes(root), _notes(root)
        )
    except UnfitError as error:
        raise UnfitError(f"metadata.component.{error}") from error


def _system(one: Object, said: notes.Notes) -> System:
    codename = said.get("syft:distro:versionCodename", ())
    return System(
        named(one, "name"),
        text(one, "version"),
        notes.one(said, "codename") or next(iter(codename), ""),
    )


def _licence(one: Object) -> str:
    """Return the expression, or all licences that are listed."""
    return gathered.all_of(fields.each(one, "licenses", _each_licence))


def _each_licence(one: Object) -> str:
    inner = below(one, "license")
    return text(one, "expression") or text(inner, "id") or text(inner, "name")


def _supplier(one: Object) -> str:
    who = below(one, "supplier")
    name = text(who, "name")
    contacts = [text(c, "email") for c in items(who, "contact") if isinstance(c, dict)]
    mail = next((each for each in contacts if each), "")
    if mail:
        return f"{name} <{mail}>" if name and name != mail else mail
    return name or text(one, "publisher") or text(one, "author")


def _hashes(one: Object) -> tuple[str, ...]:
    return gathered.digests(fields.pairs(one, "hashes", "alg", "content"))


def _notes(one: Object) -> notes.Notes:
    return gathered.grouped(fields.pairs(one, "properties", "name", "value"))


def _edges(one: Object) -> tuple[str, list[str]]:
    # Trivy leaves the reference empty where it has none for what a document is about.
    return text(one, "ref"), fields.texts(one, "dependsOn")
