"""Other people's judges of SBOMs: each function returns what they complain of."""

from __future__ import annotations

import functools
import json
import logging
import warnings
from pathlib import Path

import jsonschema_rs

_SCHEMAS = Path(__file__).parents[1] / "data" / "spdx"


def spdx_schema(document: bytes) -> list[str]:
    """Ask the official JSON schema of SPDX 2.3."""
    return _against("spdx-2.3.schema.json", document)


def spdx3_schema(document: bytes) -> list[str]:
    """Ask the official JSON schema of SPDX 3.0.1."""
    return _against("spdx-3.0.1.schema.json", document)


def spdx_tools(path: Path) -> list[str]:
    """Ask SPDX's own library; the file must be called ``….spdx.json``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from spdx_tools.spdx.parser.parse_anything import parse_file
        from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

        found = validate_full_spdx_document(parse_file(str(path)))
    return [message.validation_message for message in found]


def ntia(path: Path, spec: str = "spdx2") -> list[str]:
    """Ask SPDX's checker of NTIA's minimum elements."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger().setLevel(logging.CRITICAL)
        from ntia_conformance_checker import NTIAChecker

        checker = NTIAChecker(str(path), sbom_spec=spec)
    lacking = [
        f"{what}: {name} {identifier}"
        for what in ("names", "versions", "identifiers", "suppliers")
        for name, identifier in getattr(checker, f"components_without_{what}")
    ]
    told = [str(message.validation_message) for message in checker.validation_messages]
    said = [*map(str, checker.parsing_errors), *told, *lacking]
    return said or ([] if checker.compliant else ["not compliant"])


def cyclonedx(document: bytes) -> list[str]:
    """Ask the official, strict schema of CycloneDX 1.6."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(document.decode())
    return [] if error is None else [str(error)]


def spdx3_model(document: bytes) -> list[str]:
    """Ask SPDX's own bindings: classes, types, cardinalities, and references that lead nowhere."""
    import io

    from spdx_python_model.bindings import v3_0_1 as spdx3

    objects = spdx3.SHACLObjectSet()
    try:
        spdx3.JSONLDDeserializer().read(io.BytesIO(document), objects)
    except (ValueError, TypeError, KeyError) as error:
        return [repr(error)]
    return [f"{name} is not in the document" for name in sorted(objects.missing_ids)]


def _against(schema: str, document: bytes) -> list[str]:
    errors = _validator(schema).iter_errors(json.loads(document))
    return [f"{'/'.join(map(str, e.instance_path))}: {e.message[:200]}" for e in errors]


@functools.cache
def _validator(schema: str) -> jsonschema_rs.Validator:
    """Compile a schema: SPDX 3's takes jsonschema half a minute a document."""
    return jsonschema_rs.validator_for(json.loads((_SCHEMAS / schema).read_bytes()))
