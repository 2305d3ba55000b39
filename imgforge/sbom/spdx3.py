"""SPDX 3.0.1 as JSON-LD (spdx.github.io/spdx-spec/v3.0.1): profiles core, software and licensing.

What built the image is related to it as a tool that it used, in the scope of the build; its purl is
a note, since verifiers and scanners take every package with a purl for content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

from imgforge.analysis.facts import Binary
from imgforge.inventory import Component, Inventory, System
from imgforge.sbom import notes
from imgforge.sbom.parts import (
    TOOL,
    VERSION,
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

MEDIA_TYPE: Final = "application/spdx+json"
CONTEXT: Final = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"

_INFO: Final = "_:creation"
_CONTAINS: Final = "contains"


class _Graph:
    """The elements of one document, and whoever and whatever they refer to, once each."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.elements: dict[str, dict[str, Any]] = {}

    def add(self, kind: str, name: str, /, **said: object) -> str:
        """Add an element if it is not there; return its identifier."""
        identifier = f"{self.namespace}#{name}"
        known = {key: value for key, value in said.items() if value not in ("", [], None)}
        head = {"type": kind, "spdxId": identifier, "creationInfo": _INFO}
        self.elements.setdefault(identifier, head | known)
        return identifier

    def relate(self, source: str, kind: str, targets: Sequence[str], scope: str = "") -> None:
        """Say how one element is related to others."""
        if not targets:
            return
        unique = _hash("\n".join((source, kind, scope, *targets)))
        self.add(
            "LifecycleScopedRelationship" if scope else "Relationship",
            f"Relationship-{unique}",
            **{"from": source, "to": list(targets), "relationshipType": kind, "scope": scope},
        )

    def agent(self, who: Supplier | None) -> str:
        """Return the identifier of a supplier; empty if there is none."""
        if who is None:
            return ""
        kind = "Organization" if who.organisation else "Person"
        mail = who.mail and {
            "type": "ExternalIdentifier",
            "externalIdentifierType": "email",
            "identifier": who.mail,
        }
        return self.add(
            kind,
            f"{kind}-{_hash(who.said)}",
            name=who.name,
            externalIdentifier=[mail] if mail else [],
        )

    def licence(self, said: str) -> str:
        """Return the identifier of a licence expression."""
        return self.add(
            "simplelicensing_LicenseExpression",
            f"Licence-{_hash(said)}",
            simplelicensing_licenseExpression=said,
        )


def render(image: Inventory, *, name: str, created: int) -> bytes:
    """Return the document for ``image`` called ``name``; ``created`` is in seconds since 1970."""
    identifier = document_uuid("spdx3", repr(image), name, created)
    graph = _Graph(f"https://spdx.org/spdxdocs/{quoted(name)}-{identifier}")
    maker = graph.add("SoftwareAgent", "Maker", name=TOOL)
    tool = graph.add("Tool", "Tool", name=f"{TOOL}-{VERSION}")
    root = _image(graph, image, name)
    listed = sorted(graph.elements)
    sbom = graph.add(
        "software_Sbom",
        "Sbom",
        rootElement=[root],
        element=listed,
        software_sbomType=["analyzed"],
    )
    graph.add(
        "SpdxDocument",
        "Document",
        name=text(name),
        rootElement=[sbom],
        element=[*listed, sbom],
        profileConformance=["core", "software", "simpleLicensing"],
    )
    info = {
        "type": "CreationInfo",
        "@id": _INFO,
        "specVersion": "3.0.1",
        "created": timestamp(created),
        "createdBy": [maker],
        "createdUsing": [tool],
    }
    elements = [graph.elements[key] for key in sorted(graph.elements)]
    return encoded({"@context": CONTEXT, "@graph": [info, *elements]})


def _image(graph: _Graph, image: Inventory, name: str) -> str:
    """Add an image with all that is in it; return its identifier."""
    whole = publisher(name)
    by = partial(supplied, distribution=image.system.id if image.system else "", whole=whole)
    said = [("platform", str(image.platform))] if image.platform else []
    said += [("layer", layer) for layer in image.layers]
    root = graph.add(
        "software_Package",
        "Image",
        name=text(name),
        software_packageVersion=image.digest,
        software_packageUrl=image_purl(image, name) if image.digest else "",
        software_primaryPurpose="container",
        suppliedBy=graph.agent(whole),
        verifiedUsing=_hashes((image.digest,)),
        comment=notes.lines([(notes.OURS + key, value) for key, value in said]),
    )
    contained = [_system(graph, image.system)] if image.system else []
    parts = {c.ref: _package(graph, c, by, tool=False) for c in image.components}
    tools = {c.ref: _package(graph, c, by, tool=True) for c in image.tools}
    contained += parts.values()
    contained += [_file(graph, file, whole) for file in image.files]
    graph.relate(root, _CONTAINS, contained)
    graph.relate(root, "usesTool", list(tools.values()), "build")
    for listed, known in ((image.components, parts), (image.tools, tools)):
        for scope, kind, when in (
            ("dev", "dependsOn", "development"),
            ("optional", "hasOptionalComponent", ""),
        ):
            graph.relate(root, kind, [known[c.ref] for c in listed if c.scope == scope], when)
        for component in listed:
            needs = [known[need] for need in component.needs if need in known]
            graph.relate(known[component.ref], "dependsOn", needs)
    return root


def _package(
    graph: _Graph, component: Component, by: Callable[..., Supplier | None], *, tool: bool
) -> str:
    package = component.package
    who = by(package)
    licence = expression(package.licence) if package.licence else None
    said = notes.of(component, licence or "", who.said if who else "", named=len(package.cpes))
    if tool and package.purl:
        said.append((f"{notes.OURS}purl", package.purl))
    identifier = graph.add(
        "software_Package",
        f"{'Tool' if tool else 'Package'}-{_hash(component.ref)}",
        name=text(package.name),
        software_packageVersion=text(package.version),
        software_packageUrl="" if tool else package.purl,
        software_primaryPurpose="library",
        suppliedBy=graph.agent(who),
        verifiedUsing=_hashes(package.hashes),
        externalIdentifier=[
            {
                "type": "ExternalIdentifier",
                "externalIdentifierType": "cpe23",
                "identifier": cpe,
            }
            for cpe in package.cpes
        ],
        comment=notes.lines(said),
    )
    if licence:
        graph.relate(identifier, "hasDeclaredLicense", [graph.licence(licence)])
    return identifier


def _system(graph: _Graph, system: System) -> str:
    said = [(f"{notes.OURS}codename", system.codename)] if system.codename else []
    return graph.add(
        "software_Package",
        "OperatingSystem",
        name=text(system.id),
        software_packageVersion=text(system.version),
        software_primaryPurpose="operatingSystem",
        suppliedBy=graph.agent(Supplier(text(system.id), "", organisation=True)),
        comment=notes.lines(said),
    )


def _file(graph: _Graph, file: Binary, whole: Supplier | None) -> str:
    place = notes.path(file.path)
    return graph.add(
        "software_File",
        f"File-{_hash(place)}",
        name=f"/{place}",
        software_primaryPurpose="executable",
        suppliedBy=graph.agent(whole),
        verifiedUsing=_hashes((f"sha256:{file.sha256}",)),
        comment=notes.lines(notes.of_file(file)),
    )


def _hashes(hashes: Iterable[str]) -> list[dict[str, str]]:
    pairs = [each.partition(":") for each in hashes]
    return [
        {"type": "Hash", "algorithm": alg, "hashValue": value}
        for alg, _, value in pairs
        if alg in notes.ALGORITHMS
    ]


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode(errors="surrogateescape")).hexdigest()[:20]
