"""What is known of a component beyond what its document's format and its purl have a place for.

Written as pairs (CycloneDX's properties, an SPDX annotation's lines) that begin with ``imgforge:``,
only where the rest of the document would not say it. Of other tools' notes syft's and Trivy's are
read, and the one by which npm's and cdxgen's documents mark what is for development.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from imgforge.analysis.facts import Binary, Package
from imgforge.inventory import Component
from imgforge.inventory.component import PARTS, Part
from imgforge.sbom import purls

Notes = Mapping[str, Sequence[str]]
"""The notes of one component: values by name, in the order of the document."""

OURS: Final = "imgforge:"
TRIVY: Final = "aquasecurity:trivy:"
ALGORITHMS: Final = {"md5": "MD5", "sha1": "SHA-1"} | {
    f"sha{bits}": f"SHA-{bits}" for bits in (256, 384, 512)
}
"""Hashes that both formats know, by our name: CycloneDX's name, which SPDX writes without ``-``."""

_TEXTS: Final = {
    field: OURS + field.replace("_", "-")
    for field in (
        *("ecosystem", "namespace", "name", "version", "architecture", "source"),
        *("source_version", "licence", "supplier", "inside", "found"),
    )
}
_FIELDS: Final = {name: field for field, name in _TEXTS.items()}
_FILE: Final = (("build_id", "build-id"), ("name", "program"), ("version", "program-version"))
_ESCAPE: Final = re.compile(r"\\(?:(\\)|x([89a-f][0-9a-f]))")
_LINES: Final = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r"})
_LINE: Final = re.compile(r"\\([\\nr])")
_SYFT_PATH: Final = re.compile(r"syft:location:[0-9]+:path")


def path(value: str) -> str:
    r"""Return a path as UTF-8 can hold it: undecodable bytes as ``\xff``, ``\`` doubled."""
    if value.isascii() and "\\" not in value:
        return value
    raw = value.replace("\\", "\\\\").encode(errors="surrogateescape")
    return raw.decode(errors="backslashreplace")


def of(component: Component, licence: str, supplier: str, named: int) -> list[tuple[str, str]]:
    """Return the notes of a component, in order.

    ``licence`` and ``supplier`` are what a reader takes from the rest of the document, ``named``
    how many of its CPEs and known hashes stand there.
    """
    package = component.package
    plain = _plain(package.purl, package.name, package.version)
    plain = plain._replace(licence=licence, supplier=supplier)
    out = [("layer", package.layer)] if package.layer else []
    out += [("location", f"/{path(place)}") for place in package.paths]
    for field, name in _TEXTS.items():
        value = getattr(package, field)
        if value != getattr(plain, field):
            out.append((name.removeprefix(OURS), path(value)))
    out += [("cpe", cpe) for cpe in package.cpes[named:]]
    out += [("hash", each) for each in package.hashes if each.partition(":")[0] not in ALGORITHMS]
    out += [("depends", path(name)) for name in package.depends]
    if package.dev:
        out.append(("dev", "true"))
    if component.part:
        out.append(("part", component.part))
    if component.declared:
        out.append(("declared", path(component.declared)))
    if component.owner:
        out.append(("owner", path(component.owner)))
    return [(OURS + name, value) for name, value in out]


def of_file(file: Binary) -> list[tuple[str, str]]:
    """Return the notes of a program that no package owns."""
    out = [("location", f"/{path(file.path)}")]
    out += [(name, path(value)) for field, name in _FILE if (value := getattr(file, field))]
    return [(OURS + name, value) for name, value in out]


def lines(notes: Sequence[tuple[str, str]]) -> str:
    """Return notes as the text of one annotation."""
    return "\n".join(f"{name}={value.translate(_LINES)}" for name, value in notes)


def from_lines(comment: str) -> list[tuple[str, str]]:
    """Read an annotation: ours, or one of Trivy's (``Name: value``)."""
    if comment.startswith(OURS):
        pairs = [line.partition("=") for line in comment.split("\n")]
        return [
            (name, _LINE.sub(_broken, value) if "\\" in value else value)
            for name, _, value in pairs
        ]
    name, colon, value = comment.partition(": ")
    return [(TRIVY + name, value)] if colon else []


def component(read: Package, notes: Notes) -> Component:
    """Return a component whose package was read from the rest of a document."""
    package = read
    if any(name.startswith(OURS) for name in notes):
        package = _ours(package, notes)
    elif notes:
        package = _others(package, notes)
    part = one(notes, "part")
    known: Part = part if part in PARTS else ""
    declared, owner = (_unescaped(one(notes, name)) for name in ("declared", "owner"))
    return Component(package, part=known, declared=declared, owner=owner)


def package(purl: str, name: str, version: str) -> Package:
    """Return what a purl says, and a document's name and version where it does not.

    A purl that is none is kept, and the package then has no ecosystem.
    """
    return _plain(purl, name, version)


def file(sha256: str, notes: Notes) -> Binary:
    """Return a program that no package owns."""
    place = _unescaped(one(notes, "location")).removeprefix("/")
    build, name, version = (_unescaped(one(notes, called)) for _, called in _FILE)
    return Binary(place, sha256, build, name, version)


def one(notes: Notes, name: str) -> str:
    """Return the first of our notes of this name, or an empty text."""
    found = notes.get(OURS + name)
    return found[0] if found else ""


def _plain(purl: str, name: str, version: str) -> Package:
    try:
        said = purls.parse(purl)
    except ValueError:
        return Package("", name, version, purl, "", "", ())
    source, _, source_version = said.qualifier("upstream").partition("@")
    return Package(
        said.kind,
        said.name,
        said.full_version or version,
        purl,
        "",
        "",
        (),
        architecture=said.qualifier("arch"),
        namespace="" if said.kind in purls.SYSTEMS else said.namespace,
        source=source,
        source_version=source_version,
    )


def _ours(package: Package, notes: Notes) -> Package:
    said: dict[str, Any] = {
        _FIELDS[name]: _unescaped(values[0]) for name, values in notes.items() if name in _FIELDS
    }
    places = notes.get(f"{OURS}location", ())
    return package._replace(
        **said,
        layer=one(notes, "layer"),
        paths=tuple(_unescaped(place).removeprefix("/") for place in places),
        cpes=package.cpes + tuple(notes.get(f"{OURS}cpe", ())),
        hashes=package.hashes + tuple(notes.get(f"{OURS}hash", ())),
        depends=tuple(map(_unescaped, notes.get(f"{OURS}depends", ()))),
        dev=one(notes, "dev") == "true",
    )


def _others(package: Package, notes: Notes) -> Package:
    """Read syft's and Trivy's notes."""

    def first(*names: str) -> str:
        return next((value for name in names for value in notes.get(name, ())), "")

    version = first("syft:metadata:sourceVersion", f"{TRIVY}SrcVersion")
    release, epoch = first(f"{TRIVY}SrcRelease"), first(f"{TRIVY}SrcEpoch")
    if release and not version.endswith(f"-{release}"):
        version = f"{version}-{release}"
    if epoch.isdecimal() and int(epoch) and ":" not in version:
        version = f"{epoch}:{version}"
    syft = [value for name in notes if _SYFT_PATH.fullmatch(name) for value in notes[name]]
    places = syft or notes.get(f"{TRIVY}FilePath", ())
    names = (f"{TRIVY}LayerDigest", "syft:location:0:layerID", f"{TRIVY}LayerDiffID")
    return package._replace(
        layer=first(*names),
        paths=tuple(place.removeprefix("/") for place in places),
        source=first("syft:metadata:source", f"{TRIVY}SrcName") or package.source,
        source_version=version or package.source_version,
        dev=first("cdx:npm:package:development") == "true",
    )


def _unescaped(value: str) -> str:
    if "\\" not in value:
        return value
    return _ESCAPE.sub(lambda m: m[1] or chr(0xDC00 + int(m[2], 16)), value)


def _broken(found: re.Match[str]) -> str:
    return {"n": "\n", "r": "\r"}.get(found[1], "\\")
