"""SPDX 2.3 as JSON (spdx.github.io/spdx-spec/v2.3), with NTIA's minimum elements."""

from __future__ import annotations

import hashlib
from typing import Any, Final
from urllib.parse import quote

from imgforge.analysis.facts import Package
from imgforge.inventory import Inventory
from imgforge.oci.types import canonical_json
from imgforge.sbom.parts import (
    LAYER,
    TOOL,
    VERSION,
    Supplier,
    document_uuid,
    expression,
    image_purl,
    supplier,
    text,
    timestamp,
)

MEDIA_TYPE: Final = "application/spdx+json"

_NONE: Final = "NOASSERTION"
_IMAGE: Final = "SPDXRef-Image"
_SYSTEM: Final = "SPDXRef-OperatingSystem"


def render(image: Inventory, *, name: str, created: int) -> bytes:
    """Return the document for ``image`` called ``name``; ``created`` is in seconds since 1970."""
    packages = [_package(component.package, created) for component in image.components]
    contained = [str(package["SPDXID"]) for package in packages]
    system = image.system
    if system is not None:
        described = _described(_SYSTEM, text(system.id), text(system.version), "OPERATING-SYSTEM")
        packages.insert(0, described)
        contained.insert(0, _SYSTEM)
    identifier = document_uuid("spdx", image, name, created)
    return canonical_json(
        {
            "spdxVersion": "SPDX-2.3",
            "dataLicense": "CC0-1.0",
            "SPDXID": "SPDXRef-DOCUMENT",
            "name": text(name),
            "documentNamespace": f"https://spdx.org/spdxdocs/{quote(name, safe='')}-{identifier}",
            "creationInfo": {
                "created": timestamp(created),
                "creators": [f"Tool: {TOOL}-{VERSION}"],
            },
            "packages": [_root(image, name), *packages],
            "relationships": [
                _relation("SPDXRef-DOCUMENT", "DESCRIBES", _IMAGE),
                *(_relation(_IMAGE, "CONTAINS", item) for item in contained),
            ],
        }
    )


def _root(image: Inventory, name: str) -> dict[str, Any]:
    algorithm, _, value = image.digest.partition(":")
    return {
        **_described(_IMAGE, text(name), image.digest, "CONTAINER"),
        "checksums": [{"algorithm": algorithm.upper(), "checksumValue": value}],
        "externalRefs": [_purl(image_purl(image, name))],
    }


def _described(identifier: str, name: str, version: str, purpose: str) -> dict[str, Any]:
    return {
        "SPDXID": identifier,
        "name": name,
        **({"versionInfo": version} if version else {}),
        "supplier": _NONE,
        "downloadLocation": _NONE,
        "filesAnalyzed": False,
        "licenseConcluded": _NONE,
        "licenseDeclared": _NONE,
        "copyrightText": _NONE,
        "primaryPackagePurpose": purpose,
    }


def _package(package: Package, created: int) -> dict[str, Any]:
    unique = hashlib.sha256("\0".join((package.purl, *map(text, package.paths))).encode())
    out = _described(
        f"SPDXRef-Package-{package.ecosystem}-{unique.hexdigest()[:20]}",
        text(package.name),
        text(package.version),
        "LIBRARY",
    )
    licence = expression(package.licence) if package.licence else None
    if licence is not None:
        out["licenseDeclared"] = licence
    elif package.licence:
        out["licenseComments"] = f"The package's metadata says: {text(package.licence)}"
    who = supplier(package)
    if who is not None:
        out["supplier"] = _supplier(who)
    out["externalRefs"] = [_purl(package.purl)]
    out["sourceInfo"] = "recorded in " + ", ".join(f"/{text(path)}" for path in package.paths)
    out["annotations"] = [
        {
            "annotationDate": timestamp(created),
            "annotationType": "OTHER",
            "annotator": f"Tool: {TOOL}-{VERSION}",
            "comment": f"{LAYER}={package.layer}",
        }
    ]
    return out


def _supplier(who: Supplier) -> str:
    kind = "Organization" if who.organisation else "Person"
    name = who.name.replace("(", "[").replace(")", "]").replace("\n", " ")
    mail = f" ({who.mail})" if who.mail and who.mail != who.name else ""
    return f"{kind}: {name}{mail}"


def _purl(locator: str) -> dict[str, str]:
    return {
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": locator,
    }


def _relation(source: str, kind: str, target: str) -> dict[str, str]:
    return {
        "spdxElementId": source,
        "relationshipType": kind,
        "relatedSpdxElement": target,
    }
