"""VEX in CSAF 2.0 (OASIS, section 4.5, profile ``csaf_vex``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from imgforge.vulnerabilities.vex.said import JUSTIFICATIONS, Product, Said, line, moment
from imgforge.vulnerabilities.vulnerability import Status

_STATUSES: Final[tuple[tuple[str, Status], ...]] = (
    ("known_not_affected", "not_affected"),
    ("fixed", "fixed"),
    ("first_fixed", "fixed"),
    ("under_investigation", "under_investigation"),
    ("known_affected", "affected"),
    ("first_affected", "affected"),
    ("last_affected", "affected"),
)


def is_one(value: Mapping[str, Any]) -> bool:
    """Whether a document says that it is CSAF."""
    return isinstance(value.get("document"), dict) and "csaf_version" in value["document"]


def author(value: Mapping[str, Any]) -> str:
    """Return who says it."""
    return line(_at(value, "document", "publisher", "name"))


def statements(value: Mapping[str, Any]) -> Iterator[Said | str]:
    """Yield what is said of each vulnerability and status; ValueError if there is no list."""
    listed = value.get("vulnerabilities")
    if not isinstance(listed, list):
        raise ValueError("it has no list of vulnerabilities")  # noqa: TRY004 - one error
    known = _products(value.get("product_tree"))
    when = moment(_at(value, "document", "tracking", "current_release_date"))
    number = 0
    for place, one in enumerate(listed, 1):
        ids = _ids(one)
        if not ids:
            yield f"vulnerability {place}: it has no name"
            continue
        for key, status in _STATUSES:
            for product in _texts(_at(one, "product_status", key)):
                number += 1
                why = _why(one, product) if status == "not_affected" else ""
                if status == "not_affected" and not why:
                    yield f"statement {number}: it says not_affected without a justification"
                elif product not in known:
                    yield f"statement {number}: its product {line(product, 60)!a} has no purl"
                else:
                    yield Said(number, ids, status, why, when, (known[product],))


def _ids(one: object) -> tuple[str, ...]:
    listed = _at(one, "ids")
    others = [_at(each, "text") for each in (listed if isinstance(listed, list) else ())]
    return tuple(e for e in (_at(one, "cve"), *others) if isinstance(e, str) and e)


def _why(one: object, product: str) -> str:
    """Return the justification of a product (a flag), or the impact that is told."""
    for key, said, kinds in (
        ("flags", "label", JUSTIFICATIONS),
        ("threats", "details", None),
    ):
        listed = _at(one, key)
        for each in listed if isinstance(listed, list) else ():
            word = line(_at(each, said))
            fits = word in kinds if kinds else _at(each, "category") == "impact" and word
            if fits and product in _texts(_at(each, "product_ids")):
                return word
    return ""


def _products(tree: object) -> dict[str, Product]:
    """Return the purls of products by their ids; of one within another, both."""
    names: dict[str, str] = {}
    listed = _at(tree, "full_product_names")
    pending: list[object] = [*(listed if isinstance(listed, list) else ())]
    branches = _at(tree, "branches")
    pending += branches if isinstance(branches, list) else []
    while pending:
        each = pending.pop()
        inner = _at(each, "branches")
        pending += inner if isinstance(inner, list) else []
        product = _at(each, "product") or each
        key, purl = _at(product, "product_id"), _purl(product)
        if isinstance(key, str) and purl:
            names[key] = purl
    found = {key: Product((purl,)) for key, purl in names.items()}
    relations = _at(tree, "relationships")
    for each in relations if isinstance(relations, list) else ():
        whole = _at(each, "full_product_name")
        key = _at(whole, "product_id")
        part, within = _at(each, "product_reference"), _at(each, "relates_to_product_reference")
        if not isinstance(key, str) or not isinstance(part, str) or part not in names:
            continue
        if isinstance(within, str) and within in names:
            found[key] = Product((names[within],), within=(names[part],))
        elif purl := _purl(whole):
            found[key] = Product((purl,))
    return found


def _purl(product: object) -> str:
    said = _at(product, "product_identification_helper", "purl")
    return said if isinstance(said, str) else ""


def _texts(value: object) -> list[str]:
    return [e for e in value if isinstance(e, str)] if isinstance(value, list) else []


def _at(value: object, *path: str) -> object:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
