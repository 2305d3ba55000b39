"""VEX in CycloneDX 1.4 to 1.7 (cyclonedx.org, ``vulnerabilities[].analysis``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from imgforge.vulnerabilities.vex.said import Product, Said, line, moment
from imgforge.vulnerabilities.vulnerability import Status

_STATES: Final[Mapping[str, Status]] = {
    "resolved": "fixed",
    "resolved_with_pedigree": "fixed",
    "exploitable": "affected",
    "in_triage": "under_investigation",
    "false_positive": "not_affected",
    "not_affected": "not_affected",
}
_LINK: Final = "urn:cdx:"
_DEEPEST: Final = 64


def is_one(value: Mapping[str, Any]) -> bool:
    """Whether a document says that it is CycloneDX."""
    return value.get("bomFormat") == "CycloneDX"


def author(value: Mapping[str, Any]) -> str:
    """Return who says it."""
    meta = value.get("metadata")
    if not isinstance(meta, dict):
        return ""
    authors = meta.get("authors")
    named = [*(authors if isinstance(authors, list) else ()), meta.get("supplier")]
    names = [each.get("name") or each.get("email") for each in named if isinstance(each, dict)]
    return next((line(name) for name in names if isinstance(name, str)), "")


def statements(value: Mapping[str, Any]) -> Iterator[Said | str]:
    """Yield each analysis, or why it does not count; ValueError if there is no list of them."""
    listed = value.get("vulnerabilities")
    if not isinstance(listed, list):
        raise ValueError("it has no list of vulnerabilities")  # noqa: TRY004 - one error
    known = dict(_refs(value))
    meta = value.get("metadata")
    usual = meta.get("timestamp") if isinstance(meta, dict) else None
    for number, one in enumerate(listed, 1):
        if isinstance(one, dict) and one.get("analysis") is None:
            continue  # a vulnerability of which nothing is said
        try:
            yield _statement(number, one, usual, known)
        except ValueError as error:
            yield f"statement {number}: {error}"


def _statement(number: int, one: object, usual: object, known: Mapping[str, str]) -> Said:
    analysis = one.get("analysis") if isinstance(one, dict) else None
    if not isinstance(one, dict) or not isinstance(analysis, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - one error
    state = analysis.get("state")
    status = _STATES.get(state) if isinstance(state, str) else None
    if status is None:
        raise ValueError(f"its state is {line(state, 40)!a}")
    justification = line(analysis.get("justification")) or line(analysis.get("detail"))
    if state == "false_positive":
        justification = justification or "false_positive"
    if status == "not_affected" and not justification:
        raise ValueError("it says not_affected without a justification")
    times = (
        analysis.get("lastUpdated"),
        analysis.get("firstIssued"),
        one.get("updated"),
        one.get("published"),
        usual,
    )
    when = next((time for time in times if time is not None), None)
    affects = one.get("affects")
    if not isinstance(affects, list) or not affects:
        raise ValueError("it names no component")
    ids = [one.get("id")]
    references = one.get("references")
    listed = references if isinstance(references, list) else ()
    ids += [each.get("id") for each in listed if isinstance(each, dict)]
    if not isinstance(ids[0], str) or not ids[0]:
        raise ValueError("it names no vulnerability")
    return Said(
        number,
        tuple(each for each in ids if isinstance(each, str) and each),
        status,
        justification,
        "" if when is None else moment(when),
        tuple(_product(each, known) for each in affects),
    )


def _product(value: object, known: Mapping[str, str]) -> Product:
    ref = value.get("ref") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(ref, str) or not ref:
        raise ValueError("what is affected has no ref")
    versions = value.get("versions")
    if versions is not None and not isinstance(versions, list):
        raise ValueError("its versions are no list")
    found = []
    for each in versions or ():
        version = each.get("version") if isinstance(each, dict) else None
        if not isinstance(version, str):
            raise ValueError("a range of versions is not read: name each version")  # noqa: TRY004
        found.append(version)
    return Product((_named(ref, known),), tuple(found))


def _named(ref: str, known: Mapping[str, str]) -> str:
    """Return the purl of a bom-ref, of a BOM-Link (ECMA-424, annex), or the ref itself."""
    if ref in known:
        return known[ref]
    if ref.startswith(_LINK):
        ref = unquote(ref.partition("#")[2])
        ref = known.get(ref, ref)
    return ref


def _refs(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the bom-ref of every component of the same document, with its purl or digest."""
    meta = value.get("metadata")
    pending = [(meta.get("component") if isinstance(meta, dict) else None, 0)]
    components = value.get("components")
    pending += [(each, 0) for each in (components if isinstance(components, list) else ())]
    while pending:
        each, depth = pending.pop()
        if not isinstance(each, dict):
            continue
        ref, name = each.get("bom-ref"), each.get("purl") or each.get("version")
        if isinstance(ref, str) and isinstance(name, str):
            yield ref, name
        inner = each.get("components")
        if depth < _DEEPEST and isinstance(inner, list):
            pending += [(part, depth + 1) for part in inner]
