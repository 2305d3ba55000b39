"""What was proven, for people and for programs."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from imgforge.oci.types import Platform, sha256
from imgforge.signing.statement import SIGNATURE, TYPES
from imgforge.verify.proven import Attestation, Verified
from imgforge.verify.signatories import read

VERSION: Final = 1
"""Of the JSON; it grows only when a reader of an older one would misread."""

_SHORT: Final = 19
_DIGEST: Final = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}
_TEXT: Final = {"type": "string"}


def lines(image: str, proven: Verified) -> Iterator[str]:
    """Yield ASCII lines that say what was proven of ``image``, by whom and when."""
    yield f"{image}: {proven.digest}"
    yield from _about("image" if not proven.platforms else "index", proven)
    for platform, each in proven.platforms:
        yield from _about(f"{platform or 'image'} {each.digest[:_SHORT]}", each)


def as_json(images: Sequence[tuple[str, Verified]], policies: Mapping[str, str]) -> str:
    """Return JSON of the form :func:`json_schema`; ``policies`` are digests by files."""
    value = {
        "version": VERSION,
        "policies": [{"file": file, "digest": digest} for file, digest in policies.items()],
        "images": [
            {
                "image": name,
                **_value(proven),
                "platforms": [
                    {"platform": _named(platform), **_value(each)}
                    for platform, each in proven.platforms
                ],
            }
            for name, proven in images
        ],
    }
    return json.dumps(value, indent=2)


def digests(files: Iterable[Path]) -> dict[str, str]:
    """Return the digest of every file that decided a policy, by its name.

    InvalidInputError if one cannot be read.
    """
    return {str(path): sha256(read(path)) for path in files}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of what ``imgforge verify --format json`` prints."""
    proven = _object(
        type={**_TEXT, "description": "signature, a type's name in policies, or its URI."},
        predicateType=_TEXT,
        bundle={**_DIGEST, "description": "Of the bundle, or of an older signature's payload."},
        signer={**_TEXT, "description": "Who signed, on one line."},
        claims={
            "type": "object",
            "additionalProperties": _TEXT,
            "description": "What the certificate says; empty for a key.",
        },
        log={**_TEXT, "description": "URL of the log that was proven to hold it, or empty."},
        index={"type": ["integer", "null"], "description": "Of the log's entry."},
        times={
            "type": "array",
            "items": {**_TEXT, "format": "date-time"},
            "description": "When a log or an authority saw it, proven; the earliest first.",
        },
    )
    image = {"digest": _DIGEST, "proven": {"type": "array", "items": proven, "minItems": 1}}
    platform = _object(platform={"type": ["string", "null"]}, **image)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "what imgforge verify proves",
        **_object(
            version={"const": VERSION},
            policies={
                "type": "array",
                "items": _object(file=_TEXT, digest=_DIGEST),
                "description": "Every file that decided what the policy demands.",
            },
            images={
                "type": "array",
                "items": _object(
                    image={**_TEXT, "description": "As it was named."},
                    **image,
                    platforms={
                        "type": "array",
                        "items": platform,
                        "description": "The images under an index, each proven.",
                    },
                ),
            },
        ),
    }


def _about(what: str, proven: Verified) -> Iterator[str]:
    """Yield a line for each signatory, or for each statement if their witnesses differ."""
    told: dict[str, list[str]] = {}
    for each in proven.attestations:
        told.setdefault(f"{each.proof.signer}{_when(each)}", []).append(_type(each))
    for signer, types in told.items():
        yield f"  {what}: {', '.join(types)} by {signer}"


def _type(each: Attestation) -> str:
    if each.predicate_type == SIGNATURE:
        return "signature"
    known = {uri: name for name, uri in TYPES.items()}
    return known.get(each.predicate_type, each.predicate_type)


def _when(each: Attestation) -> str:
    proof = each.proof
    said = [f"on {_time(proof.times[0])}"] if proof.times else []
    said += [f"entry {proof.index} of {proof.log}"] if proof.log else []
    return f" ({', '.join(said)})" if said else ""


def _time(seconds: int) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat().replace("+00:00", "Z")


def _named(platform: Platform | None) -> str | None:
    return None if platform is None else str(platform)


def _value(proven: Verified) -> dict[str, Any]:
    return {
        "digest": proven.digest,
        "proven": [
            {
                "type": _type(each),
                "predicateType": each.predicate_type,
                "bundle": each.bundle,
                "signer": each.proof.signer,
                "claims": dict(sorted(each.proof.claims.items())),
                "log": each.proof.log,
                "index": each.proof.index,
                "times": [_time(moment) for moment in each.proof.times],
            }
            for each in proven.attestations
        ],
    }


def _object(**properties: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }
