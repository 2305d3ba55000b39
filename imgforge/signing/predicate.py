"""Predicates that others made: their types by short names, and whether a file is of its type."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imgforge import strictjson
from imgforge.errors import InvalidInputError
from imgforge.signing import statement
from imgforge.signing.bundle import MAX_SIZE
from imgforge.signing.statement import TYPES

_COSIGN = {
    "custom": "a URI of your own; cosign's is https://cosign.sigstore.dev/attestation/v1",
    "link": "https://in-toto.io/Link/v1",
    "openvex": "https://openvex.dev/ns",
    "slsaprovenance": "https://slsa.dev/provenance/v0.2",
    "slsaprovenance02": "https://slsa.dev/provenance/v0.2",
    "slsaprovenance1": "provenance",
    "spdxjson": "spdx",
}
"""What cosign calls a predicate type, where it is another word than ours."""
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")
_MOST = MAX_SIZE // 2
"""Bytes; base64 makes a third more of it, and a bundle must stay under its own limit."""


def type_of(name: str) -> str:
    """Return the URI that a short name or URI means; InvalidInputError if it is neither."""
    if name in TYPES:
        return TYPES[name]
    if not _URI.fullmatch(name):
        hint = called(name) or f"write a URI, or one of {', '.join(TYPES)}"
        raise InvalidInputError(f"{name!r} is no predicate type", hint=hint)
    if name == statement.SIGNATURE:
        raise InvalidInputError(
            "that predicate type says that an image is signed", hint="use: imgforge sign"
        )
    return name


def called(name: str) -> str | None:
    """Return how the type is called here that cosign calls ``name``; None if it is none."""
    return f"cosign's {name} is here {_COSIGN[name]}" if name in _COSIGN else None


def read(kind: str, file: Path) -> bytes:
    """Return the JSON of ``file``, which must be what the predicate type ``kind`` says it is.

    InvalidInputError if it cannot be read, is no JSON object, or is plainly of another type.
    """
    try:
        with file.open("rb") as source:
            data = source.read(_MOST + 1)
    except OSError as error:
        raise InvalidInputError(f"cannot read the predicate {file}: {error.strerror}") from error
    if len(data) > _MOST:
        raise InvalidInputError(f"the predicate {file} is over {_MOST} bytes")
    try:
        value = strictjson.load_object(data)
    except ValueError as error:
        raise InvalidInputError(f"{file} is no JSON object: {error}") from error
    wanted = _LOOKS.get(kind)
    if wanted is not None and not wanted[1](value):
        hint = None
        if value.get("_type") in statement.STATEMENTS:
            hint = "it is a whole statement: give its predicate alone"
        raise InvalidInputError(f"{file} is not {wanted[0]}", hint=hint)
    return data


def _is_spdx(value: dict[str, Any]) -> bool:
    if str(value.get("spdxVersion", "")).startswith("SPDX-2."):
        return isinstance(value.get("packages", []), list) and "SPDXID" in value
    return "spdx.org/rdf/3." in str(value.get("@context", ""))


def _is_provenance(value: dict[str, Any]) -> bool:
    return isinstance(value.get("buildDefinition"), dict) and isinstance(
        value.get("runDetails"), dict
    )


def _is_vulnerabilities(value: dict[str, Any]) -> bool:
    scanner, metadata = value.get("scanner"), value.get("metadata")
    return (
        isinstance(scanner, dict)
        and "result" in scanner
        and isinstance(scanner.get("uri"), str)
        and isinstance(metadata, dict)
        and isinstance(metadata.get("scanFinishedOn"), str)
    )


def _is_findings(value: dict[str, Any]) -> bool:
    return isinstance(value.get("findings"), list) and isinstance(value.get("scanner"), str)


_LOOKS: dict[str, tuple[str, Callable[[dict[str, Any]], bool]]] = {
    statement.SPDX: ("an SPDX document", _is_spdx),
    statement.CYCLONEDX: ("a CycloneDX BOM", lambda value: value.get("bomFormat") == "CycloneDX"),
    statement.PROVENANCE: ("a SLSA provenance of version 1", _is_provenance),
    statement.FINDINGS: ("imgforge's findings", _is_findings),
    statement.VULNERABILITIES: (
        "a vulnerability report as cosign has it (scanner with uri and result, metadata)",
        _is_vulnerabilities,
    ),
}
