"""VEX: what somebody who is believed says of vulnerabilities, and which of it counts here.

One module a format. A document is believed because a policy or a flag names its file, or because
the image's own signatory attests it; nothing that merely lies beside an image is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from imgforge import strictjson
from imgforge.errors import EvidenceError, InvalidInputError
from imgforge.oci.types import sha256
from imgforge.vulnerabilities.vex import csaf, cyclonedx, openvex
from imgforge.vulnerabilities.vex.said import Document, Said

if TYPE_CHECKING:
    from imgforge.policy.vulnerabilities import Vex

MAX_SIZE: Final = 64 << 20
"""Bytes of one document."""
MAX_VALUES: Final = 4_000_000
MAX_REFUSED: Final = 100
"""The most reasons that are kept of one document."""
OPENVEX: Final = ("https://openvex.dev/ns", "https://openvex.dev/ns/v0.2.0")
"""Predicate types of OpenVEX documents that are attested."""
_FORMATS: Final = {"OpenVEX": openvex, "CycloneDX": cyclonedx, "CSAF": csaf}


def read(data: bytes, place: str) -> Document:
    """Read a VEX document of any format; InvalidInputError that names ``place`` if it is none.

    Statements that cannot count are kept apart, each with the reason.
    """
    if len(data) > MAX_SIZE:
        raise InvalidInputError(f"the VEX document {place} is over {MAX_SIZE >> 20} MiB")
    try:
        strictjson.slim(data, MAX_VALUES)
        return of(strictjson.load_object(data), place, sha256(data))
    except ValueError as error:
        raise InvalidInputError(f"{place} is no VEX document: {error}") from error


def of(value: object, place: str, digest: str) -> Document:
    """Read a decoded document; ValueError if it is none."""
    for name, module in _FORMATS.items():
        if isinstance(value, dict) and module.is_one(value):
            said: list[Said] = []
            refused: list[str] = []
            for each in module.statements(value):
                if isinstance(each, Said):
                    said.append(each)
                elif len(refused) < MAX_REFUSED:
                    refused.append(each)
            return Document(place, name, module.author(value), digest, tuple(said), tuple(refused))
    raise ValueError("it says of itself neither OpenVEX nor CycloneDX nor CSAF")


def load(path: Path, digest: str = "") -> Document:
    """Read the file ``path``; EvidenceError if its digest is not the one that is demanded."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise InvalidInputError(f"cannot read the VEX document {path}: {error.strerror}") from error
    if digest and sha256(data) != digest:
        raise EvidenceError(
            f"the VEX document {path} is not the one that the policy pins",
            details=[f"pinned: {digest}", f"found:  {sha256(data)}"],
        )
    return read(data, str(path))


def named(entries: Sequence[Vex], files: Sequence[Path] = ()) -> tuple[Document, ...]:
    """Read every document that a policy's ``entries`` and a flag's ``files`` name, each once.

    InvalidInputError if one cannot be read, or a glob finds none.
    """
    from imgforge.policy import vulnerabilities

    found: dict[Path, Document] = {}
    for entry in entries:
        if entry.place == vulnerabilities.ATTESTED:
            continue
        paths = vulnerabilities.paths(entry)
        if not paths:
            raise InvalidInputError(f"no file fits {entry.place}, which the policy takes VEX from")
        for path in paths:
            found.setdefault(path.resolve(), load(path, entry.digest))
    for path in files:
        found.setdefault(path.resolve(), load(path))
    return tuple(found.values())


def attested(value: object, digest: str) -> Document:
    """Read an OpenVEX document that is proven of an image; ``digest`` is its attestation's.

    InvalidInputError if it is none: whoever signed it meant something by it.
    """
    place = f"attestation {digest[:19]}"
    try:
        return of(value, place, digest)
    except ValueError as error:
        raise InvalidInputError(f"the {place} is no VEX document: {error}") from error
