"""CycloneDX 1.6 as JSON (ECMA-424), with NTIA's minimum elements."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from imgforge.analysis.facts import Package
from imgforge.inventory import Inventory
from imgforge.oci.types import canonical_json
from imgforge.sbom.parts import (
    LAYER,
    TOOL,
    VERSION,
    document_uuid,
    expression,
    image_purl,
    supplier,
    text,
    timestamp,
)

MEDIA_TYPE: Final = "application/vnd.cyclonedx+json"


def render(image: Inventory, *, name: str, created: int) -> bytes:
    """Return the document for ``image`` called ``name``; ``created`` is in seconds since 1970."""
    components = [_component(component.package) for component in image.components]
    system = image.system
    if system is not None:
        distribution = {"type": "operating-system", "bom-ref": "operating-system"}
        components.insert(
            0, {**distribution, "name": text(system.id), "version": text(system.version)}
        )
    references = [str(component["bom-ref"]) for component in components]
    return canonical_json(
        {
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "serialNumber": document_uuid("cyclonedx", image, name, created).urn,
            "version": 1,
            "metadata": {
                "timestamp": timestamp(created),
                "lifecycles": [{"phase": "post-build"}],
                "tools": {"components": [_named("application", TOOL, VERSION)]},
                "component": _root(image, name),
            },
            "components": components,
            "dependencies": [
                {"ref": image.digest, "dependsOn": sorted(references)},
                *({"ref": reference} for reference in sorted(references)),
            ],
            # Files that no package manager recorded are in the image but not in this list.
            "compositions": [{"aggregate": "incomplete", "assemblies": [image.digest]}],
        }
    )


def _root(image: Inventory, name: str) -> dict[str, Any]:
    layers = [{"name": LAYER, "value": layer} for layer in image.layers]
    platform = [{"name": "imgforge:platform", "value": str(image.platform)}]
    return {
        **_named("container", text(name), image.digest),
        "bom-ref": image.digest,
        "purl": image_purl(image, name),
        "hashes": [{"alg": "SHA-256", "content": image.digest.partition(":")[2]}],
        "properties": [*(platform if image.platform else ()), *layers],
    }


def _named(kind: str, name: str, version: str) -> dict[str, str]:
    return {"type": kind, "name": name, "version": version}


def _component(package: Package) -> dict[str, Any]:
    paths = [text(path) for path in package.paths]
    unique = hashlib.sha256("\0".join(paths).encode()).hexdigest()[:12]
    out: dict[str, Any] = {
        **_named("library", text(package.name), text(package.version)),
        "bom-ref": f"{package.purl}#{unique}",
        "purl": package.purl,
        "properties": [
            {"name": LAYER, "value": package.layer},
            *({"name": "imgforge:location", "value": f"/{path}"} for path in paths),
        ],
    }
    if package.source:
        out["properties"].append({"name": "imgforge:source", "value": text(package.source)})
    licence = expression(package.licence) if package.licence else None
    if licence is not None:
        out["licenses"] = [{"expression": licence}]
    elif package.licence:
        out["licenses"] = [{"license": {"name": text(package.licence)}}]
    who = supplier(package)
    if who is not None:
        out["supplier"] = {"name": who.name}
        if who.mail:
            out["supplier"]["contact"] = [{"name": who.name, "email": who.mail}]
    return out
