"""The SBOM that was attested for an image and signed, read where the image is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from imgforge.errors import EvidenceError, InvalidInputError
from imgforge.oci.types import Platform
from imgforge.sbom.document import Document, parse
from imgforge.sbom.parts import encoded

if TYPE_CHECKING:
    from imgforge.verify.inquiry import Inquiry
    from imgforge.verify.proven import Verified

Say = Callable[[str], None]


class Attested(NamedTuple):
    """One image's SBOM that was proven: of ``digest``, as bytes and as what it says."""

    digest: str
    platform: Platform | None
    data: bytes
    document: Document


def attested(what: str, asked: Inquiry, kind: str, say: Say) -> list[Attested]:
    """Return the SBOM of type ``kind`` (``spdx``, ``cyclonedx``) of each image ``what`` names.

    It must prove what ``asked`` demands, and an SBOM of that type besides; of several the newest
    counts. EvidenceError if it does not, or what is signed is no SBOM or of another image.
    """
    from imgforge.signing.statement import TYPES
    from imgforge.verify.inquiry import inquire

    flags = asked.flags
    if kind not in flags.require:
        flags = replace(flags, require=[*flags.require, kind])
    proven = inquire(what, replace(asked, flags=flags), say)
    images = proven.platforms or ((None, proven),)
    return [newest(each, platform, TYPES[kind]) for platform, each in images]


def one(found: list[Attested]) -> Attested:
    """Return the only one; InvalidInputError if there are several."""
    if len(found) != 1:
        names = ", ".join(str(each.platform or each.digest) for each in found)
        raise InvalidInputError(
            f"{len(found)} images fit, an SBOM is of one: {names}", hint="name it with --platform"
        )
    return found[0]


def newest(proven: Verified, platform: Platform | None, uri: str) -> Attested:
    """Return the newest SBOM of the type ``uri`` that is proven of one image.

    EvidenceError if there is none, or one is no SBOM or of another image.
    """
    found = []
    for each in proven.attestations:
        if each.predicate_type != uri:
            continue
        try:
            document = parse(each.predicate)
        except ValueError as error:
            raise EvidenceError(
                f"the SBOM that is attested for {proven.digest} cannot be read: {error}"
            ) from error
        said = document.inventory.digest
        if said and said != proven.digest:
            raise EvidenceError(f"the SBOM that is attested for {proven.digest} is about {said}")
        inventory = replace(document.inventory, digest=proven.digest)
        data = encoded(each.predicate)
        document = document._replace(inventory=inventory)
        found.append(Attested(proven.digest, platform or inventory.platform, data, document))
    if not found:
        raise EvidenceError(f"no SBOM of type {uri} is attested for {proven.digest}")
    return max(found, key=lambda each: (each.document.created or 0, each.data))
