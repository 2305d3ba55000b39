"""OpenVEX 0.2 (github.com/openvex/spec, OPENVEX-SPEC.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from imgforge.vulnerabilities.vex.said import JUSTIFICATIONS, Product, Said, line, moment
from imgforge.vulnerabilities.vulnerability import STATUSES, Status

CONTEXT: Final = "https://openvex.dev/ns"
_HASHES: Final = {"sha-256": "sha256", "sha256": "sha256", "sha-512": "sha512", "sha512": "sha512"}


def is_one(value: Mapping[str, Any]) -> bool:
    """Whether a document says that it is OpenVEX."""
    context = value.get("@context")
    return isinstance(context, str) and context.startswith(CONTEXT)


def author(value: Mapping[str, Any]) -> str:
    """Return who says it."""
    return line(value.get("author"))


def statements(value: Mapping[str, Any]) -> Iterator[Said | str]:
    """Yield each statement, or why it does not count; ValueError if there is no list of them."""
    listed = value.get("statements")
    if not isinstance(listed, list):
        raise ValueError("it has no list of statements")  # noqa: TRY004 - one error
    usual = value.get("last_updated") or value.get("timestamp")
    for number, one in enumerate(listed, 1):
        try:
            yield _statement(number, one, usual)
        except ValueError as error:
            yield f"statement {number}: {error}"


def _statement(number: int, one: object, usual: object) -> Said:
    if not isinstance(one, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - one error
    said = one.get("status")
    status: Status | None = next((each for each in STATUSES if each == said), None)
    if status is None:
        raise ValueError(f"its status is {line(said, 40)!a}")
    justification = line(one.get("justification"))
    if status == "not_affected":
        if justification and justification not in JUSTIFICATIONS:
            raise ValueError(f"its justification is {justification[:60]!a}")
        justification = justification or line(one.get("impact_statement"))
        if not justification:
            raise ValueError("it says not_affected without a justification")
    when = one.get("last_updated") or one.get("timestamp") or usual
    products = one.get("products")
    if not isinstance(products, list) or not products:
        raise ValueError("it names no product")
    return Said(
        number,
        _ids(one.get("vulnerability")),
        status,
        justification,
        moment(when),
        tuple(_product(each) for each in products),
    )


def _ids(value: object) -> tuple[str, ...]:
    """Return the names of a vulnerability; older documents have a text where 0.2 has an object."""
    if isinstance(value, dict):
        aliases = value.get("aliases")
        listed = [value.get("name"), *(aliases if isinstance(aliases, list) else [])]
        if not isinstance(value.get("name"), str):
            listed.append(value.get("@id"))
    else:
        listed = [value]
    found = tuple(each for each in listed if isinstance(each, str) and each)
    if not found:
        raise ValueError("it names no vulnerability")
    return found


def _product(value: object) -> Product:
    names = _names(value)
    parts = value.get("subcomponents") if isinstance(value, dict) else None
    if parts is not None and not isinstance(parts, list):
        raise ValueError("its subcomponents are no list")
    within = tuple(name for part in parts or () for name in _names(part))
    return Product(names, within=within)


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, dict):
        raise ValueError("a product is no object")  # noqa: TRY004 - one error
    found = [value.get("@id")]
    for key in ("identifiers", "hashes"):
        table = value.get(key)
        if table is None:
            continue
        if not isinstance(table, dict):
            raise ValueError(f"the {key} of a product are no object")  # noqa: TRY004
        found += [
            f"{_HASHES[name]}:{each}" if name in _HASHES else each for name, each in table.items()
        ]
    names = tuple(each for each in found if isinstance(each, str) and each)
    if not names:
        raise ValueError("a product has no name")
    return names
