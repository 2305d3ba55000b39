"""The JSON Schema of ``policy.toml``, made of its keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imgforge.policy.keys import (
    ACCEPTED,
    ATTESTED,
    BASES,
    BUDGET,
    DELEGATE,
    IGNORE,
    IMAGES,
    LICENCES,
    NAME,
    REASONS,
    SIGNED_BY,
    SIGNERS,
    SIGNERS_OF_STACKS,
    STACKS,
    TABLES,
    TOP,
    TRUST,
    VULNERABILITIES,
)
from imgforge.policy.kinds import CHECK, LEVEL, Key


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a policy."""
    trust = _object(TRUST)
    trust["oneOf"] = [_only(needed, possible) for needed, possible in REASONS.values()]
    images = _images()
    bases = _object(BASES)
    bases["properties"]["trust"] = {"type": "array", "items": trust}
    signer = _object(SIGNERS_OF_STACKS)
    signer["oneOf"] = [
        _only(*REASONS[reason], among=SIGNERS_OF_STACKS) for reason in ("key", "identity")
    ]
    signer["description"] = TABLES["[[stacks.trust]]"][0]
    stacks = _object(STACKS)
    stacks["properties"]["trust"] = {"type": "array", "items": signer}
    vulnerabilities = _object(VULNERABILITIES)
    vulnerabilities["properties"]["ignore"] = {
        "type": "array",
        "items": _object(ACCEPTED),
        "description": TABLES["[[vulnerabilities.ignore]]"][0],
    }
    properties: dict[str, Any] = {
        **_object(TOP)["properties"],
        "severity": {
            "type": "object",
            "propertyNames": dict(CHECK.schema),
            "additionalProperties": dict(LEVEL.schema),
        },
        "budget": _object(BUDGET),
        "ignore": {"type": "array", "items": _object(IGNORE)},
        "delegate": _object(DELEGATE),
        "bases": bases,
        "stacks": stacks,
        "licences": _object(LICENCES)
        | {"anyOf": [{"required": ["allow"]}, {"required": ["deny"]}]},
        "vulnerabilities": vulnerabilities,
        "images": {"type": "array", "items": images},
    }
    for header, (about, _) in TABLES.items():
        name = header.strip("[]")
        if name in properties:
            properties[name]["description"] = about
    trust["description"] = TABLES["[[bases.trust]]"][0]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": NAME,
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }


def _images() -> dict[str, Any]:
    signed, attested = _object(SIGNED_BY), _object(ATTESTED)
    signed["oneOf"] = [_only(*kind, among=SIGNED_BY) for kind in SIGNERS.values()]
    out = _object(IMAGES)
    for name, items in (("signed-by", signed), ("attested", attested)):
        about = TABLES[f"[[images.{name}]]"][0]
        out["properties"][name] = {"type": "array", "items": items, "description": about}
    out["properties"]["signed-by"]["minItems"] = 1
    out["required"] = [*out["required"], "signed-by"]
    return out


def _only(
    needed: frozenset[str], possible: frozenset[str], among: Mapping[str, Key] = TRUST
) -> dict[str, Any]:
    """Return the schema of a table that has one kind's keys of ``among`` and no others."""
    strange = sorted(among.keys() - needed - possible - {"match"})
    return {
        "required": sorted(needed),
        "not": {"anyOf": [{"required": [key]} for key in strange]},
    }


def _object(keys: Mapping[str, Key]) -> dict[str, Any]:
    out: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name: {**key.kind.schema, "description": key.about} for name, key in keys.items()
        },
    }
    if required := [name for name, key in keys.items() if key.required]:
        out["required"] = required
    return out
