"""SBOMs, read: anybody's, of any format that is read here."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from imgforge import strictjson
from imgforge.errors import InvalidInputError
from imgforge.inventory import Inventory
from imgforge.oci.types import is_digest
from imgforge.sbom.fields import UnfitError
from imgforge.sbom.gathered import Read

MAX_BYTES: Final = 128 << 20
"""The largest document that is read; of an image with 10,000 packages it has some 20 MB."""
_MAX_VALUES: Final = 4_000_000
_HINT: Final = "SPDX 2.x, SPDX 3.x and CycloneDX 1.x are read, as JSON, also inside attestations"


class Document(NamedTuple):
    """What an SBOM says.

    ``format`` is its format and version (``SPDX 2.3``, ``CycloneDX 1.6``), ``name`` what it calls
    its image, ``created`` when it says it was made, in seconds since 1970.
    """

    format: str
    name: str
    created: int | None
    inventory: Inventory


def read(data: bytes, place: str) -> Document:
    """Read an SBOM, or one in an in-toto statement, a DSSE envelope or a Sigstore bundle.

    Of what is signed nothing is believed: it is only unwrapped. A statement's subject is the image
    if the document itself does not say. InvalidInputError that names ``place`` if it is none.
    """
    if len(data) > MAX_BYTES:
        raise InvalidInputError(
            f"{place}: it has {len(data) >> 20} MB, and an SBOM over {MAX_BYTES >> 20} is not read"
        )
    try:
        return parse(_loaded(data))
    except ValueError as error:
        raise InvalidInputError(
            f"{place} is no SBOM that can be read: {error}", hint=_HINT
        ) from error


def parse(value: Any) -> Document:  # noqa: ANN401 - decoded JSON
    """Return what decoded JSON says; ValueError saying what is wrong and where."""
    value, digest = _unwrapped(value)
    if not isinstance(value, dict):
        raise UnfitError("it is no JSON object")
    name, version, called, created, inventory = _reader(value)(value)
    if not inventory.digest and digest:
        inventory = replace(inventory, digest=digest)
    return Document(f"{name} {version}", called, created, inventory)


def _reader(value: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Read]:
    if "spdxVersion" in value:
        from imgforge.sbom import read_spdx

        return read_spdx.read
    if value.get("bomFormat") == "CycloneDX":
        from imgforge.sbom import read_cyclonedx

        return read_cyclonedx.read
    if "@graph" in value:
        from imgforge.sbom import read_spdx3

        return read_spdx3.read
    raise UnfitError("it has neither spdxVersion nor the bomFormat CycloneDX nor a @graph")


def _loaded(data: bytes) -> Any:  # noqa: ANN401 - decoded JSON
    if not data.lstrip()[:1] == b"{":
        raise UnfitError("it is no JSON object")
    strictjson.slim(data, _MAX_VALUES)
    return strictjson.loads(data)


def _unwrapped(value: Any) -> tuple[Any, str]:  # noqa: ANN401 - decoded JSON
    """Return the document itself, and the digest of the one image that a statement is about."""
    if isinstance(value, dict) and isinstance(value.get("dsseEnvelope"), dict):
        value = value["dsseEnvelope"]
    if isinstance(value, dict) and "payload" in value and "payloadType" in value:
        if value["payloadType"] != "application/vnd.in-toto+json":
            raise UnfitError("payloadType: it is no in-toto statement")
        try:
            value = _loaded(base64.b64decode(value["payload"], validate=True))
        except (binascii.Error, TypeError) as error:
            raise UnfitError("payload: it is not base64") from error
    if not (isinstance(value, dict) and "predicateType" in value and "predicate" in value):
        return value, ""
    subjects = value.get("subject")
    found = {
        f"sha256:{subject['digest'].get('sha256')}"
        for subject in (subjects if isinstance(subjects, list) else ())
        if isinstance(subject, dict) and isinstance(subject.get("digest"), dict)
    }
    predicate = value["predicate"]
    if isinstance(predicate, dict) and "Data" in predicate and "bomFormat" not in predicate:
        predicate = predicate["Data"]  # cosign's own wrapping
    if isinstance(predicate, str):
        predicate = _loaded(predicate.encode(errors="replace"))
    digest = next(iter(found)) if len(found) == 1 else ""
    return predicate, digest if is_digest(digest) else ""
