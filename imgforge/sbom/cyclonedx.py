"""CycloneDX 1.6 as JSON (ECMA-424), with NTIA's and CISA's minimum elements.

What built the image is its formulation, which scanners don't take for content. Programs that no
package owns are components of type ``file``. Scope ``excluded`` is what is there for development.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import partial
from typing import Any, Final, NamedTuple

from imgforge.analysis.facts import Binary, Package
from imgforge.inventory import Component, Inventory, System
from imgforge.sbom import notes
from imgforge.sbom.parts import (
    TOOL,
    VERSION,
    SuppliedBy,
    Supplier,
    document_uuid,
    encoded,
    expression,
    image_purl,
    publisher,
    supplied,
    text,
    timestamp,
)
from imgforge.sbom.purls import SYSTEMS

MEDIA_TYPE: Final = "application/vnd.cyclonedx+json"

_SCOPES: Final = {"optional": "optional", "dev": "excluded"}
_BUILD: Final = "build:"
"""Before the references of what built the image: some of it may also be inside."""
_SYSTEM: Final = "operating-system"


class Pieces(NamedTuple):
    """What a document has of one image: its root, components, build tools and dependencies."""

    root: dict[str, Any]
    components: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    dependencies: list[dict[str, Any]]


def render(image: Inventory, *, name: str, created: int) -> bytes:
    """Return the document for ``image`` called ``name``; ``created`` is in seconds since 1970."""
    made = pieces(image, name)
    serial = document_uuid("cyclonedx", repr(image), name, created)
    return document(made, serial=serial.urn, created=created)


def document(made: Pieces, *, serial: str, created: int) -> bytes:
    """Return the document that has these pieces, called by the URN ``serial``."""
    return encoded(
        {
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "serialNumber": serial,
            "version": 1,
            "metadata": {
                "timestamp": timestamp(created),
                "lifecycles": [{"phase": "post-build"}],
                "tools": {"components": [_named("application", TOOL, VERSION)]},
                "component": made.root,
            },
            "components": made.components,
            **(_formulation(made.tools) if made.tools else {}),
            "dependencies": made.dependencies,
            # Files that neither a package manager recorded nor run are in the image only.
            "compositions": [{"aggregate": "incomplete", "assemblies": [made.root["bom-ref"]]}],
        }
    )


def pieces(image: Inventory, name: str, prefix: str = "") -> Pieces:
    """Return what a document has of an image; ``prefix`` stands before all references."""
    whole = publisher(name)
    by = partial(supplied, distribution=image.system.id if image.system else "", whole=whole)
    components = [_component(each, by) for each in image.components]
    if image.system is not None:
        components.insert(0, _system(image.system))
    components += [_file(file, whole) for file in image.files]
    tools = [_component(tool, by) for tool in image.tools]
    for listed, before in ((components, prefix), (tools, f"{_BUILD}{prefix}")):
        for component in listed:
            component["bom-ref"] = before + component["bom-ref"]
    root = _root(image, name, whole)
    root["bom-ref"] = prefix + root["bom-ref"]
    references = sorted(str(component["bom-ref"]) for component in components)
    needing = [
        *_dependencies(image.components, prefix),
        *_dependencies(image.tools, f"{_BUILD}{prefix}"),
    ]
    named = {dependency["ref"] for dependency in needing}
    dependencies = [
        {"ref": root["bom-ref"], "dependsOn": references},
        *needing,
        *({"ref": reference} for reference in references if reference not in named),
    ]
    return Pieces(root, components, tools, dependencies)


def _formulation(tools: list[dict[str, Any]]) -> dict[str, Any]:
    return {"formulation": [{"bom-ref": "build", "components": tools}]}


def _root(image: Inventory, name: str, whole: Supplier | None) -> dict[str, Any]:
    said = [("platform", str(image.platform))] if image.platform else []
    said += [("layer", layer) for layer in image.layers]
    out: dict[str, Any] = {
        **_named("container", text(name), image.digest),
        "bom-ref": image.digest or "image",
        "properties": _properties([(notes.OURS + key, value) for key, value in said]),
        **_supplier(whole),
    }
    if image.digest:
        out["purl"] = image_purl(image, name)
        out["hashes"] = _hashes((image.digest,))
    return out


def _dependencies(components: tuple[Component, ...], prefix: str) -> Iterable[dict[str, Any]]:
    known = {component.ref for component in components}
    for ref, component in sorted((component.ref, component) for component in components):
        needs = [prefix + need for need in component.needs if need in known]
        yield {"ref": prefix + ref, **({"dependsOn": needs} if needs else {})}


def _named(kind: str, name: str, version: str) -> dict[str, str]:
    return {"type": kind, "name": name, **({"version": version} if version else {})}


def _component(component: Component, by: SuppliedBy) -> dict[str, Any]:
    package = component.package
    out: dict[str, Any] = {
        **_named("library", text(package.name), text(package.version)),
        "bom-ref": component.ref,
    }
    if package.purl:
        out["purl"] = package.purl
        if package.namespace:
            out["group"] = text(package.namespace)
    if package.cpes:
        out["cpe"] = package.cpes[0]
    if hashes := _hashes(package.hashes):
        out["hashes"] = hashes
    licence = expression(package.licence) if package.licence else None
    if licence is not None:
        out["licenses"] = [{"expression": licence, "acknowledgement": "declared"}]
    elif package.licence:
        named = {"name": text(package.licence), "acknowledgement": "declared"}
        out["licenses"] = [{"license": named}]
    who = by(package)
    out |= _supplier(who)
    if component.scope in _SCOPES:
        out["scope"] = _SCOPES[component.scope]
    shown = text(package.licence) if licence is None else licence
    said = notes.of(component, shown, who.said if who else "", named=1)
    out["properties"] = _properties([*said, *_source(package)])
    return out


def _source(package: Package) -> list[tuple[str, str]]:
    """Say what a package was built from once more, as Trivy reads it."""
    if not package.source or package.ecosystem not in SYSTEMS:
        return []
    said = ("SrcName", package.source), ("SrcVersion", package.source_version or package.version)
    return [(notes.TRIVY + name, text(value)) for name, value in said]


def _system(system: System) -> dict[str, Any]:
    said = [(f"{notes.OURS}codename", system.codename)] if system.codename else []
    return {
        **_named(_SYSTEM, text(system.id), text(system.version)),
        "bom-ref": _SYSTEM,
        **_supplier(Supplier(text(system.id), "", organisation=True)),
        **({"properties": _properties(said)} if said else {}),
    }


def _file(file: Binary, whole: Supplier | None) -> dict[str, Any]:
    place = notes.path(file.path)
    unique = hashlib.sha256(place.encode()).hexdigest()[:12]
    return {
        **_named("file", f"/{place}", f"sha256:{file.sha256}"),
        "bom-ref": f"file#{unique}",
        "hashes": _hashes((f"sha256:{file.sha256}",)),
        **_supplier(whole),
        "properties": _properties(notes.of_file(file)),
    }


def _hashes(hashes: Iterable[str]) -> list[dict[str, str]]:
    pairs = [each.partition(":") for each in hashes]
    return [
        {"alg": notes.ALGORITHMS[alg], "content": value}
        for alg, _, value in pairs
        if alg in notes.ALGORITHMS
    ]


def _supplier(who: Supplier | None) -> dict[str, Any]:
    if who is None:
        return {}
    contact = {"contact": [{"name": who.name, "email": who.mail}]} if who.mail else {}
    return {"supplier": {"name": who.name, **contact}}


def _properties(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]
