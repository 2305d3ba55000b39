"""Several SBOMs as one: of an application's images, or of an index's platforms.

The whole is the root, each image a component of it with its own components below, so that nothing
is lost by being in two of them. Of each it is kept which document said it (its digest, format and
name), and the same documents make the same bytes, in whatever order they are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from imgforge.errors import InvalidInputError
from imgforge.oci.types import sha256
from imgforge.sbom import cyclonedx, notes, spdx
from imgforge.sbom.document import Document
from imgforge.sbom.parts import Supplier, document_uuid, publisher, text

FORMATS: Final = ("spdx", "cyclonedx")


class Merged(NamedTuple):
    """A document that goes into the whole, and the digest of its bytes."""

    digest: str
    document: Document


def of(data: bytes, document: Document) -> Merged:
    """Return a document with the digest of its bytes."""
    return Merged(sha256(data), document)


def render(
    documents: Sequence[Merged], kind: str, *, name: str, version: str = "", created: int | None
) -> bytes:
    """Return one document (``spdx`` or ``cyclonedx``) of all, called ``name``.

    ``created`` is in seconds since 1970, by default when the newest of them was. InvalidInputError
    if a document is given twice, or two are of one image.
    """
    listed = sorted(documents, key=lambda each: (each.document.name, each.digest))
    _once([each.digest for each in listed], "document")
    _once([each.document.inventory.digest for each in listed], "image")
    if created is None:
        created = max((each.document.created or 0 for each in listed), default=0)
    content = "\n".join(each.digest for each in listed)
    identifier = document_uuid(f"merged {kind}", content, f"{name}\n{version}", created)
    if kind == "spdx":
        return _spdx(listed, name, version, str(identifier), created)
    return _cyclonedx(listed, name, version, identifier.urn, created)


def _once(digests: Sequence[str], what: str) -> None:
    known = [digest for digest in digests if digest]
    twice = sorted({digest for digest in known if known.count(digest) > 1})
    if twice:
        raise InvalidInputError(f"the {what} {twice[0]} is given twice")


def _said(each: Merged) -> list[tuple[str, str]]:
    return [
        (f"{notes.OURS}merged-from", each.digest),
        (f"{notes.OURS}merged-format", each.document.format),
    ]


def _cyclonedx(
    listed: Sequence[Merged], name: str, version: str, serial: str, created: int
) -> bytes:
    root: dict[str, Any] = {
        "type": "application",
        "name": text(name),
        "bom-ref": "application",
        **({"version": version} if version else {}),
        **_supplier(publisher(name)),
    }
    images, tools, dependencies = [], [], []
    for each in listed:
        said = each.document
        part = cyclonedx.pieces(said.inventory, said.name, f"{each.digest[7:19]}/")
        more = [{"name": key, "value": value} for key, value in _said(each)]
        properties = [*part.root["properties"], *more]
        images.append({**part.root, "properties": properties, "components": part.components})
        tools += part.tools
        dependencies += part.dependencies
    whole = {"ref": "application", "dependsOn": sorted(image["bom-ref"] for image in images)}
    made = cyclonedx.Pieces(root, images, tools, [whole, *dependencies])
    return cyclonedx.document(made, serial=serial, created=created)


def _spdx(
    listed: Sequence[Merged], name: str, version: str, identifier: str, created: int
) -> bytes:
    root = spdx.described(
        "SPDXRef-Application", text(name), version, "APPLICATION", publisher(name)
    )
    packages, relations = [], []
    for each in listed:
        said = each.document
        part = spdx.pieces(said.inventory, said.name, created, f"-{each.digest[7:19]}")
        part.root["annotations"] = [
            *part.root.get("annotations", ()),
            *spdx.annotated(_said(each), created)["annotations"],
        ]
        packages += [part.root, *part.packages]
        relations.append(spdx.relation("SPDXRef-Application", "CONTAINS", part.root["SPDXID"]))
        relations += part.relations
    made = spdx.Pieces(root, packages, relations)
    return spdx.document(made, name=name, identifier=identifier, created=created)


def _supplier(who: Supplier | None) -> dict[str, Any]:
    return {} if who is None else {"supplier": {"name": who.name}}
