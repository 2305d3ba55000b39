"""JSON Schemas (draft 2020-12) of what commands print that list contents and origins.

Those of findings, scans and verifications stand beside what writes these.
"""

from __future__ import annotations

from typing import Any, Final

from imgforge.inventory.component import PARTS, SCOPES

_TEXT: Final = {"type": "string"}
_MAYBE: Final = {"type": ["string", "null"]}
_FLAG: Final = {"type": "boolean"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


def inventory() -> dict[str, Any]:
    """Return the schema of ``imgforge sbom --format json``."""
    file = _object(
        "A program that no package owns.",
        path=_TEXT,
        sha256=_TEXT,
        build_id=_TEXT,
        name=_about(_TEXT, "What it is known as by its content, else empty."),
        version=_TEXT,
    )
    return _document(
        "What is in one image.",
        name=_TEXT,
        format=_about(_TEXT, "What it was read from: layers, or an SBOM's format."),
        created=_about({"type": ["integer", "null"]}, "Seconds since 1970."),
        digest=_TEXT,
        platform=_MAYBE,
        system={
            "anyOf": [
                {"type": "null"},
                _object("os-release.", id=_TEXT, version=_TEXT, codename=_TEXT),
            ]
        },
        layers=_list(_TEXT),
        components=_list(_component()),
        tools=_about(_list(_component()), "What built the image and is not in it."),
        files=_list(file),
    )


def difference() -> dict[str, Any]:
    """Return the schema of ``imgforge sbom diff --format json``."""
    side = _object("", name=_TEXT, digest=_TEXT)
    change = _object("", what=_list(_TEXT), before=_component(), after=_component())
    return _document(
        "How the contents of two images differ.",
        before=side,
        after=side,
        added=_list(_component()),
        removed=_list(_component()),
        changed=_list(change),
        same=_COUNT,
    )


def notices() -> dict[str, Any]:
    """Return the schema of ``imgforge notices --format json``."""
    package = _object(
        "A package with its licence.",
        ecosystem=_TEXT,
        name=_TEXT,
        version=_TEXT,
        purl=_TEXT,
        licence=_about(_TEXT, "An SPDX expression; empty: it is not known."),
        said=_about(_TEXT, "What its metadata say."),
        texts=_about(_list(_TEXT), "Keys of texts."),
    )
    text = _object("A licence's text.", paths=_list(_TEXT), text=_TEXT)
    return _document(
        "The licences of what is in an image.",
        image=_TEXT,
        digest=_TEXT,
        platform=_MAYBE,
        packages=_list(package),
        texts=_about({"type": "object", "additionalProperties": text}, "By their sha256."),
    )


def provenance() -> dict[str, Any]:
    """Return the schema of ``imgforge provenance verify --format json``."""
    point = _object(
        "One thing that decides what is built.",
        state={"enum": ["pinned", "open", "needs"]},
        what=_TEXT,
        said=_TEXT,
    )
    proven = _object(
        "One provenance that was proven.",
        digest=_TEXT,
        platform=_MAYBE,
        signer=_TEXT,
        complete=_about(_FLAG, "Nothing is open."),
        points=_list(point),
    )
    return {"$schema": _DRAFT, **_list(proven)}


def rebuild() -> dict[str, Any]:
    """Return the schema of ``imgforge rebuild --format json``."""
    layer = _object(
        "A layer that differs.",
        number=_about(_COUNT, "From 1."),
        expected=_about(_TEXT, "Its digest; empty: there is none."),
        made=_TEXT,
        packed=_about(_FLAG, "The content is the same, only its compression is not."),
    )
    image = _object("How the images of a platform differ; as of base diff.", layers=_list(layer))
    return _document(
        "Whether the same image was made again.",
        same=_FLAG,
        expected=_TEXT,
        made=_TEXT,
        platforms={"type": "object", "additionalProperties": image},
    )


def database() -> dict[str, Any]:
    """Return the schema of ``imgforge db status --format json``."""
    source = _object(
        "What was imported under one name.",
        name=_TEXT,
        kind=_TEXT,
        digest=_TEXT,
        signed=_about(_TEXT, "By what it was proven; empty: by nothing."),
        imported=_TEXT,
        newest=_TEXT,
        records=_COUNT,
        malformed=_COUNT,
        age_days={"type": "integer"},
    )
    ecosystem = _object("", advisories=_COUNT, newest=_TEXT)
    return _document(
        "What the database of advisories has.",
        path=_TEXT,
        size=_about(_COUNT, "Bytes."),
        digest=_about(_TEXT, "Of its content."),
        ecosystems={"type": "object", "additionalProperties": ecosystem},
        sources=_list(source),
        malformed=_about(_COUNT, "Advisories that imports passed over."),
        kev=_about(_MAYBE, "Of which day the list of exploited vulnerabilities is."),
        epss=_about(_MAYBE, "Of which day the scores are."),
    )


def _component() -> dict[str, Any]:
    package = _object(
        "As the image itself has it.",
        ecosystem=_about(_TEXT, "The purl's type."),
        namespace=_TEXT,
        name=_TEXT,
        version=_TEXT,
        purl=_TEXT,
        cpes=_list(_TEXT),
        architecture=_TEXT,
        licence=_about(_TEXT, "As its metadata has it; an SPDX expression or not."),
        supplier=_TEXT,
        source=_about(_TEXT, "Its source package, of a distribution."),
        source_version=_TEXT,
        hashes=_about(_list(_TEXT), "ALGORITHM:HEX of the package's own file."),
        layer=_about(_TEXT, "The layer that first brought it."),
        paths=_about(_list(_TEXT), "The file that says so, and licence texts."),
        inside=_about(_TEXT, "The path in the archive that the first path is."),
        depends=_about(_list(_TEXT), "What it says that it needs, by name."),
        found={"enum": ["record", "manifest", "lock", "binary"]},
        dev=_about(_FLAG, "Its installer says that only development needs it."),
    )
    return _object(
        "A package, and what is known of it.",
        ref=_about(_TEXT, "What needs names it by."),
        package=package,
        part=_about({"enum": list(PARTS)}, "Who has to change it; empty: nobody knows."),
        scope={"enum": list(SCOPES)},
        declared=_about(_TEXT, "The line of a lock that lists it, or empty."),
        needs=_list(_TEXT),
        owner=_about(_TEXT, "The package of the distribution that has its file, or empty."),
    )


def _document(about: str, **properties: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"$schema": _DRAFT, **_object(about, **properties)}


def _object(about: str, **properties: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    told = {"description": about} if about else {}
    return {"type": "object", **told, "properties": properties, "required": list(properties)}


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


def _about(value: dict[str, Any], about: str) -> dict[str, Any]:
    return {**value, "description": about}
