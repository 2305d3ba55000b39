"""Which VEX statement counts for which vulnerability.

A statement is about a package (a purl, with or without its version), about an image (its digest, or
``pkg:oci``), or about parts of either. Of all that are about a vulnerability the newest counts; of
one moment the worse.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from imgforge.sbom import purls
from imgforge.vulnerabilities.vex.said import Document, Product, Said
from imgforge.vulnerabilities.vulnerability import STATUSES, Statement, Vulnerability

if TYPE_CHECKING:
    import datetime as dt

    from imgforge.inventory import Inventory


class Subject(NamedTuple):
    """The image that is judged: what it is called, the digests that it and its index have."""

    name: str
    digests: tuple[str, ...]


class Applied(NamedTuple):
    """A document and the numbers of its statements that are about something that was found."""

    document: Document
    matched: tuple[int, ...]
    late: tuple[int, ...] = ()
    """Statements of days that are still to come: they do not count."""


def apply(
    found: Sequence[Vulnerability],
    documents: Sequence[Document],
    inventory: Inventory,
    subject: Subject,
    day: dt.date,
) -> tuple[tuple[Vulnerability, ...], tuple[Applied, ...]]:
    """Give each vulnerability the statement that counts for it; say which statements matched."""
    said: dict[str, list[tuple[int, Said]]] = defaultdict(list)
    late: list[list[int]] = [[] for _ in documents]
    for index, document in enumerate(documents):
        for each in document.statements:
            # Clocks may differ by a day; what is dated later would win for ever.
            if each.time[:10] > _next(day):
                late[index].append(each.number)
                continue
            for name in each.ids:
                said[name.upper()].append((index, each))
    matched: list[set[int]] = [set() for _ in documents]
    have = {component.package.purl for component in inventory.components}
    out = []
    for one in found:
        names = {name.upper() for name in one.names}
        heard = {
            (index, each.number): each
            for name in names
            for index, each in said.get(name, ())
            if any(_is_about(p, one, subject, have) for p in each.products)
        }
        for index, number in heard:
            matched[index].add(number)
        best = max(heard, key=lambda key: _weight(key, heard[key]), default=None)
        out.append(
            one if best is None else dataclasses.replace(one, statement=_of(best, heard, documents))
        )
    applied = tuple(
        Applied(document, tuple(sorted(numbers)), tuple(later))
        for document, numbers, later in zip(documents, matched, late, strict=True)
    )
    return tuple(out), applied


def _next(day: dt.date) -> str:
    try:
        return str(day.fromordinal(day.toordinal() + 1))
    except (ValueError, OverflowError):
        return str(day)


def _weight(key: tuple[int, int], said: Said) -> tuple[str, int, int, int]:
    return (said.time, STATUSES.index(said.status), -key[0], -key[1])


def _of(
    key: tuple[int, int], heard: dict[tuple[int, int], Said], documents: Sequence[Document]
) -> Statement:
    said, document = heard[key], documents[key[0]]
    return Statement(
        document.place, said.number, said.status, said.justification, document.author, said.time
    )


def _is_about(product: Product, one: Vulnerability, subject: Subject, have: set[str]) -> bool:
    package = one.component.package
    if product.versions and package.version not in product.versions:
        return False
    if product.within and not any(purls.covers(name, package.purl) for name in product.within):
        return False
    if any(_is_image(name, subject) for name in product.names):
        return True
    if product.within:
        return any(purls.covers(name, purl) for name in product.names for purl in have)
    return any(purls.covers(name, package.purl) for name in _packages(product))


def _packages(product: Product) -> Iterator[str]:
    return (name for name in product.names if name.startswith("pkg:"))


def _is_image(name: str, subject: Subject) -> bool:
    """Whether ``name`` is a digest of the image, or a ``pkg:oci`` that means it.

    One without a digest means every image of that name, or of that repository if it has one.
    """
    if name in subject.digests:
        return True
    if not name.startswith("pkg:oci/"):
        return False
    try:
        purl = purls.parse(name)
    except ValueError:
        return False
    if purl.version:
        return purl.version in subject.digests
    repository = dict(purl.qualifiers).get("repository_url", "")
    own = subject.name.partition("@")[0]
    if repository:
        return own in {repository, f"{repository}/{purl.name}"}
    return own.rpartition("/")[2] == purl.name
