"""SPDX 2.3 as JSON (spdx.github.io/spdx-spec/v2.3), with NTIA's and CISA's minimum elements.

What built the image is related to it as BUILD_TOOL_OF alone, and its purls are of another type of
reference: scanners take every package with a purl for content, whatever it is related by. Programs
that no package owns are packages of purpose FILE: SPDX's files must have SHA-1, which is not what
anybody should trust.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple

from imgforge.analysis.facts import Binary, Package
from imgforge.inventory import Component, Inventory, System
from imgforge.sbom import notes
from imgforge.sbom.parts import (
    TOOL,
    TOOL_PURL,
    VERSION,
    SuppliedBy,
    Supplier,
    document_uuid,
    encoded,
    expression,
    image_purl,
    publisher,
    quoted,
    supplied,
    text,
    timestamp,
)
from imgforge.sbom.purls import SYSTEMS

MEDIA_TYPE: Final = "application/spdx+json"

_NONE: Final = "NOASSERTION"
_DOCUMENT: Final = "SPDXRef-DOCUMENT"
_IMAGE: Final = "SPDXRef-Image"
_SYSTEM: Final = "SPDXRef-OperatingSystem"
_SCOPES: Final = {"dev": "DEV_DEPENDENCY_OF", "optional": "OPTIONAL_DEPENDENCY_OF"}
_OF_TOOL: Final = ("OTHER", TOOL_PURL)
_OWN_LICENCE: Final = re.compile(r"LicenseRef-[A-Za-z0-9.-]+")
_CONTEXT: Final = (
    "Made after the build by reading the image's own layers (CISA's type: Analyzed); what its "
    "project's locks say beside that is marked as declared."
)


class Pieces(NamedTuple):
    """What a document has of one image: its root, everything else, and how that is related."""

    root: dict[str, Any]
    packages: list[dict[str, Any]]
    relations: list[dict[str, str]]


def render(image: Inventory, *, name: str, created: int) -> bytes:
    """Return the document for ``image`` called ``name``; ``created`` is in seconds since 1970."""
    made = pieces(image, name, created)
    identifier = document_uuid("spdx", repr(image), name, created)
    return document(made, name=name, identifier=str(identifier), created=created)


def document(made: Pieces, *, name: str, identifier: str, created: int) -> bytes:
    """Return the document that has these pieces; ``identifier`` makes its namespace unique."""
    licences = _own_licences(made.packages)
    return encoded(
        {
            "spdxVersion": "SPDX-2.3",
            "dataLicense": "CC0-1.0",
            "SPDXID": _DOCUMENT,
            "name": text(name),
            "documentNamespace": f"https://spdx.org/spdxdocs/{quoted(name)}-{identifier}",
            "creationInfo": {
                "created": timestamp(created),
                "creators": [f"Tool: {TOOL}-{VERSION}"],
                "comment": _CONTEXT,
            },
            "packages": [made.root, *made.packages],
            **({"hasExtractedLicensingInfos": licences} if licences else {}),
            "relationships": [
                relation(_DOCUMENT, "DESCRIBES", made.root["SPDXID"]),
                *made.relations,
            ],
        }
    )


def pieces(image: Inventory, name: str, created: int, suffix: str = "") -> Pieces:
    """Return what a document has of an image; ``suffix`` stands behind all identifiers."""
    whole = publisher(name)
    by = partial(supplied, distribution=image.system.id if image.system else "", whole=whole)
    root = _root(image, name, whole, created)
    packages = [] if image.system is None else [_system(image.system, created)]
    packages += [_package(each, _id(each), by, created) for each in image.components]
    packages += [_file(file, whole, created) for file in image.files]
    contained = [str(package["SPDXID"]) for package in packages]
    packages += [_package(each, _tool(each), by, created, _OF_TOOL) for each in image.tools]
    for package in (root, *packages):
        package["SPDXID"] += suffix
    relations = [
        *(relation(_IMAGE + suffix, "CONTAINS", item + suffix) for item in contained),
        *(relation(a + suffix, kind, b + suffix) for a, kind, b in _relations(image)),
    ]
    return Pieces(root, packages, relations)


def _relations(image: Inventory) -> Iterator[tuple[str, str, str]]:
    for component in image.components:
        if component.scope in _SCOPES:
            yield _id(component), _SCOPES[component.scope], _IMAGE
    for tool in image.tools:
        yield _tool(tool), "BUILD_TOOL_OF", _IMAGE
        if tool.scope in _SCOPES:
            yield _tool(tool), _SCOPES[tool.scope], _IMAGE
    for components, named in ((image.components, _id), (image.tools, _tool)):
        known = {component.ref: named(component) for component in components}
        for component in components:
            for need in component.needs:
                if need in known:
                    yield known[component.ref], "DEPENDS_ON", known[need]


def _id(component: Component) -> str:
    return f"SPDXRef-Package-{_unique(component)}"


def _tool(component: Component) -> str:
    return f"SPDXRef-Tool-{_unique(component)}"


def _unique(component: Component) -> str:
    unique = hashlib.sha256(component.ref.encode(errors="surrogateescape")).hexdigest()[:20]
    kind = re.sub(r"[^A-Za-z0-9.-]", "-", component.package.ecosystem)
    return f"{kind}-{unique}" if kind else unique


def _root(image: Inventory, name: str, whole: Supplier | None, created: int) -> dict[str, Any]:
    said = [("platform", str(image.platform))] if image.platform else []
    said += [("layer", layer) for layer in image.layers]
    out = described(_IMAGE, text(name), image.digest, "CONTAINER", whole)
    out |= annotated([(notes.OURS + key, value) for key, value in said], created)
    if image.digest:
        out |= _checksums((image.digest,))
        out["externalRefs"] = [_reference("PACKAGE-MANAGER", "purl", image_purl(image, name))]
    return out


def described(
    identifier: str, name: str, version: str, purpose: str, who: Supplier | None
) -> dict[str, Any]:
    """Return a package of which no more is known than this."""
    return {
        "SPDXID": identifier,
        "name": name,
        **({"versionInfo": version} if version else {}),
        "supplier": _supplier(who),
        "downloadLocation": _NONE,
        "filesAnalyzed": False,
        "licenseConcluded": _NONE,
        "licenseDeclared": _NONE,
        "copyrightText": _NONE,
        "primaryPackagePurpose": purpose,
    }


def _package(
    component: Component,
    identifier: str,
    by: SuppliedBy,
    created: int,
    purl: tuple[str, str] = ("PACKAGE-MANAGER", "purl"),
) -> dict[str, Any]:
    package = component.package
    who = by(package)
    out = described(identifier, text(package.name), text(package.version), "LIBRARY", who)
    licence = expression(package.licence) if package.licence else None
    if licence is not None:
        out["licenseDeclared"] = licence
    elif package.licence:
        out["licenseComments"] = f"The package's metadata says: {text(package.licence)}"
    references = [_reference(*purl, package.purl)] if package.purl else []
    references += [_reference("SECURITY", "cpe23Type", cpe) for cpe in package.cpes]
    if references:
        out["externalRefs"] = references
    out |= _checksums(package.hashes)
    if info := _source(package):
        out["sourceInfo"] = info
    who = who and Supplier(_plain(who.name), who.mail, who.organisation)
    said = notes.of(component, licence or "", who.said if who else "", named=len(package.cpes))
    return out | annotated(said, created)


def _source(package: Package) -> str:
    """Say what a package was built from, in the words that Trivy writes and reads."""
    if package.source and package.ecosystem in SYSTEMS:
        version = package.source_version or package.version
        return text(f"built package from: {package.source} {version}".rstrip())
    if package.paths:
        return "recorded in " + ", ".join(f"/{text(path)}" for path in package.paths)
    return ""


def _system(system: System, created: int) -> dict[str, Any]:
    said = [(f"{notes.OURS}codename", system.codename)] if system.codename else []
    who = Supplier(text(system.id), "", organisation=True)
    out = described(_SYSTEM, text(system.id), text(system.version), "OPERATING_SYSTEM", who)
    return out | annotated(said, created)


def _file(file: Binary, whole: Supplier | None, created: int) -> dict[str, Any]:
    place = notes.path(file.path)
    identifier = f"SPDXRef-File-{hashlib.sha256(place.encode()).hexdigest()[:20]}"
    out = described(identifier, f"/{place}", f"sha256:{file.sha256}", "FILE", whole)
    out |= _checksums((f"sha256:{file.sha256}",))
    return out | annotated(notes.of_file(file), created)


def _checksums(hashes: Iterable[str]) -> dict[str, Any]:
    pairs = [each.partition(":") for each in hashes]
    found = [
        {"algorithm": alg.upper(), "checksumValue": value}
        for alg, _, value in pairs
        if alg in notes.ALGORITHMS
    ]
    return {"checksums": found} if found else {}


def annotated(pairs: list[tuple[str, str]], created: int) -> dict[str, Any]:
    """Return notes as the annotations of a package."""
    if not pairs:
        return {}
    said = {
        "annotationDate": timestamp(created),
        "annotationType": "OTHER",
        "annotator": f"Tool: {TOOL}-{VERSION}",
        "comment": notes.lines(pairs),
    }
    return {"annotations": [said]}


def _own_licences(packages: Iterable[dict[str, Any]]) -> list[dict[str, str]]:
    """Describe the licences that SPDX's list does not have: each that is used must be."""
    used = {
        name for package in packages for name in _OWN_LICENCE.findall(package["licenseDeclared"])
    }
    said = "The package's metadata names this licence; its text is in the package."
    return [{"licenseId": name, "extractedText": said} for name in sorted(used)]


def _supplier(who: Supplier | None) -> str:
    if who is None:
        return _NONE
    kind = "Organization" if who.organisation else "Person"
    mail = f" ({who.mail})" if who.mail and who.mail != who.name else ""
    return f"{kind}: {_plain(who.name)}{mail}"


def _plain(name: str) -> str:
    """Return a name without what would be taken for the brackets of a mail address."""
    return name.replace("(", "[").replace(")", "]").replace("\n", " ")


def _reference(category: str, kind: str, locator: str) -> dict[str, str]:
    return {
        "referenceCategory": category,
        "referenceType": kind,
        "referenceLocator": locator,
    }


def relation(source: str, kind: str, target: str) -> dict[str, str]:
    """Return one relationship."""
    return {
        "spdxElementId": source,
        "relationshipType": kind,
        "relatedSpdxElement": target,
    }
