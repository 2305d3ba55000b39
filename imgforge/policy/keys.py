"""The keys of ``policy.toml``: one table from which its reading, JSON Schema and docs derive."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from imgforge.severity import LEVELS, Level

NAME: Final = "policy.toml"

TYPES: Final = ("spdx", "cyclonedx", "provenance", "findings", "vuln")
"""Types of attestations that have a name; :data:`imgforge.signing.statement.TYPES` has theirs."""

_UNITS: Final = {"": 1, "B": 1} | {
    f"{prefix}{unit}": base ** (power + 1)
    for unit, base in (("B", 1000), ("iB", 1024))
    for power, prefix in enumerate(("k" if unit == "B" else "K", "M", "G", "T"))
}
_SIZE: Final = re.compile(r"(\d{1,15}(?:\.\d{1,6})?) ?(|B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)")
_URI: Final = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]+")
_POINTER: Final = re.compile(r"(?:/(?:[^~/]|~[01])*)+")
_MOST: Final = 1 << 53
"""The largest number that every reader of JSON keeps exactly."""
_LONGEST: Final = 36_500
"""Days of grace."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value may be, called ``name`` in docs; ``schema`` is JSON Schema.

    ``read`` returns a value, or raises ValueError if it is not of this kind.
    """

    name: str
    read: Callable[[Any], Any]
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Key:
    """One key: what its value may be, what it means, and whether it must be there."""

    kind: Kind
    about: str
    required: bool = False


def _level(value: object) -> Level:
    for level in LEVELS:
        if value == level:
            return level
    raise ValueError(f"is not one of {', '.join(LEVELS)}")


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("is not true or false")  # noqa: TRY004 - one error
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError("is not a text of one line")
    return value


def _matching(name: str, pattern: str, what: str) -> Kind:
    def read(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(f"is not {what}")
        return value

    return Kind(name, read, {"type": "string", "pattern": f"^{pattern}$"})


def _list(of: Kind, what: str) -> Kind:
    def read(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError(f"is not a list of {what}")  # noqa: TRY004 - one error
        return tuple(of.read(each) for each in value)

    return Kind(f"list of {what}", read, {"type": "array", "items": dict(of.schema)})


def _whole(least: int, what: str) -> Kind:
    def read(value: object) -> int:
        if type(value) is not int or not least <= value <= _MOST:
            raise ValueError(f"is not a number of {what}, {least} or more")
        return value

    return Kind(f"number of {what}", read, {"type": "integer", "minimum": least, "maximum": _MOST})


def _size(value: object) -> int:
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    size = int(float(found[1]) * _UNITS[found[2]]) if found else value
    if type(size) is not int or not 1 <= size <= _MOST:
        raise ValueError('is not a size such as "200MB", or a number of bytes')
    return size


def _day(value: object) -> dt.date:
    if type(value) is not dt.date:
        raise ValueError("is not a day such as 2030-01-31 (without quotes)")
    return value


def _uri(value: object) -> str:
    if value in TYPES or (isinstance(value, str) and _URI.fullmatch(value)):
        return str(value)
    raise ValueError(f"is neither one of {', '.join(TYPES)} nor a URI")


def _pointers(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not value:
        raise ValueError('is not a table such as {"/buildDefinition/buildType" = "https://*"}')
    for pointer, glob in value.items():
        if not _POINTER.fullmatch(pointer):
            raise ValueError(f"{pointer!a} is no JSON pointer (RFC 6901), such as /a/0/b")
        _text(glob)
    return value


def _grace(value: object) -> dict[str, int]:
    if type(value) is int:
        value = dict.fromkeys(LEVELS, value)
    if not isinstance(value, dict) or not value:
        raise ValueError("is neither a number of days nor a table such as {low = 90, high = 7}")
    for level, days in value.items():
        _level(level)
        if type(days) is not int or not 0 <= days <= _LONGEST:
            raise ValueError(f"{level}: is not a number of days, 0 to {_LONGEST}")
    return value


def _share(value: object) -> float:
    if type(value) not in {int, float} or not 0 <= float(str(value)) <= 1:
        raise ValueError("is not a probability, 0 to 1")
    return float(str(value))


LEVEL = Kind("severity", _level, {"type": "string", "enum": list(LEVELS)})
FLAG = Kind("true or false", _flag, {"type": "boolean"})
TEXT = Kind("text", _text, {"type": "string", "minLength": 1})
CHECK = _matching("id of a check", "IF[0-9]{3}", "the id of a check such as IF010")
DIGEST = _matching("digest", "sha256:[0-9a-f]{64}", "a digest, sha256: and 64 hexadecimal digits")
PRINT = _matching(
    "fingerprint", "[0-9a-f]{32}", "a fingerprint, 32 hexadecimal digits as in JSON reports"
)
DAYS = _whole(0, "days")
COUNT = _whole(1, "layers")
WITNESS = _matching("`required` or `waived`", "(?:required|waived)", "required or waived")
SCOPE = _matching("`each` or `index`", "(?:each|index)", "each or index")
PART = _matching("`all` or `app`", "(?:all|app)", "all or app")
TYPE = Kind(
    f"{', '.join(TYPES)}, or a URI",
    _uri,
    {"anyOf": [{"enum": list(TYPES)}, {"type": "string", "pattern": f"^{_URI.pattern}$"}]},
)
POINTERS = Kind(
    "table of JSON pointers and globs",
    _pointers,
    {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": f"^{_POINTER.pattern}$"},
        "additionalProperties": {"type": "string", "minLength": 1},
    },
)
DAY = Kind("day", _day, {"type": "string", "format": "date"})
TEXTS = _list(TEXT, "texts")
CHECKS = _list(CHECK, "ids of checks")
SIZE = Kind(
    "size",
    _size,
    {
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": _MOST},
            {"type": "string", "pattern": f"^{_SIZE.pattern}$"},
        ]
    },
)
_DAYS_SCHEMA: Final = {"type": "integer", "minimum": 0, "maximum": _LONGEST}
GRACE = Kind(
    "number of days, or a table of severities and days",
    _grace,
    {
        "anyOf": [
            _DAYS_SCHEMA,
            {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"enum": list(LEVELS)},
                "additionalProperties": _DAYS_SCHEMA,
            },
        ]
    },
)
SHARE = Kind("number, 0 to 1", _share, {"type": "number", "minimum": 0, "maximum": 1})
VERDICT = _matching("`fail` or `report`", "(?:fail|report)", "fail or report")

TOP: Final[Mapping[str, Key]] = {
    "fail-on": Key(LEVEL, "The least severity that fails the gate; high if nothing is said."),
    "allow-shell": Key(FLAG, "A shell may be in the image, if its spec asks."),
    "allow-package-manager": Key(FLAG, "A package manager may be in the image, if its spec asks."),
    "allow-root": Key(FLAG, "The image may run as root."),
    "allow-compiler": Key(FLAG, "A compiler may be in the image, if its spec asks."),
    "allow-downloader": Key(
        FLAG, "A program that downloads (curl, wget) may be in the image, if its spec asks."
    ),
    "allow-sudo": Key(
        FLAG, "A program that changes the user (sudo, doas) may be in the image, if its spec asks."
    ),
    "allow-ssh": Key(FLAG, "An SSH daemon may be in the image, if its spec asks."),
}
BUDGET: Final[Mapping[str, Key]] = {
    "size": Key(SIZE, "The most that all layers may have as shipped: bytes, or 200MB, 1.5GiB."),
    "unpacked": Key(SIZE, "The most that all files may have."),
    "layers": Key(COUNT, "The most layers."),
    "age": Key(DAYS, "The most days since the image was made."),
    "base-age": Key(DAYS, "The most days since its base was made."),
}
IGNORE: Final[Mapping[str, Key]] = {
    "check": Key(CHECK, "The check whose findings are accepted.", required=True),
    "path": Key(TEXT, "A glob that their paths match; absent: any."),
    "key": Key(TEXT, "A glob that their keys match, such as a variable's name; absent: any."),
    "fingerprint": Key(PRINT, "The fingerprint of the one finding that is meant."),
    "image": Key(TEXT, "A glob that the image's name matches; absent: any."),
    "reason": Key(TEXT, "Why they are accepted.", required=True),
    "owner": Key(TEXT, "Who accepted them and answers for it.", required=True),
    "expires": Key(DAY, "The last day on which this holds (UTC).", required=True),
}
DELEGATE: Final[Mapping[str, Key]] = {
    "checks": Key(CHECKS, "The checks whose findings policies below this one may accept."),
    "trust": Key(
        FLAG, "They may say why bases and images are believed of which this policy says nothing."
    ),
    "max-days": Key(DAYS, "The most days from now that their exceptions may last."),
}
BASES: Final[Mapping[str, Key]] = {
    "allow": Key(TEXTS, "Globs of the bases that may be used; absent: any."),
}
TRUST: Final[Mapping[str, Key]] = {
    "match": Key(TEXT, "A glob of repositories, repository@digest, or base names.", required=True),
    "key": Key(TEXT, "The file of the public key that signs them, relative to this file."),
    "identity": Key(TEXT, "A glob of whom the signing certificate was issued to."),
    "issuer": Key(TEXT, "Who vouched for that identity, exactly."),
    "trusted-root": Key(TEXT, "The file of another Sigstore's trusted root."),
    "digest": Key(DIGEST, "The digest of that file. A policy that settings pin must give it."),
    "exempt": Key(TEXT, "Why they are believed without a signature."),
    "owner": Key(TEXT, "Who answers for the exemption."),
    "expires": Key(DAY, "The last day of the exemption (UTC)."),
}
REASONS: Final = {
    "key": (frozenset({"key"}), frozenset({"digest"})),
    "identity": (frozenset({"identity", "issuer"}), frozenset({"trusted-root", "digest"})),
    "exempt": (frozenset({"exempt", "owner", "expires"}), frozenset[str]()),
}
"""Why a base may be trusted: the keys that belong to each reason, and those that may."""

LICENCES: Final[Mapping[str, Key]] = {
    "allow": Key(TEXTS, "SPDX licences, or globs of them, that packages may have; absent: any."),
    "deny": Key(TEXTS, "SPDX licences, or globs of them, that no package may have."),
    "scope": Key(
        PART, "Whether all packages are judged (the default), or only what is not the base's."
    ),
}

IMAGES: Final[Mapping[str, Key]] = {
    "match": Key(
        TEXT, "A glob of repositories, or of the names that specs give images.", required=True
    ),
    "platforms": Key(
        SCOPE,
        "Whether each image in an index must prove all by itself (the default), or what is proven "
        "of the index will do.",
    ),
}
CLAIMS: Final[Mapping[str, str]] = {
    "repository": "the source repository's URI; acme/web is GitHub's",
    "ref": "the source's ref, such as refs/heads/main",
    "commit": "the source's commit",
    "workflow": "the URI of the build configuration that was started, with its ref",
    "workflow-commit": "the commit of that build configuration",
    "workflow-name": "the name of the workflow (GitHub, deprecated)",
    "signer": "the URI of the build instructions that signed, such as a reusable workflow",
    "signer-commit": "the commit of those instructions",
    "trigger": "the event that started the build, such as push",
    "runner": "where it ran, such as github-hosted",
    "run": "the URI of the very run",
    "owner": "the URI of the repository's owner; acme is GitHub's",
    "owner-id": "the owner's identifier, which no later owner of the name gets",
    "repository-id": "the repository's identifier, which no later one of the name gets",
    "visibility": "whether the repository was public or private",
    "environment": "the deployment environment of the job",
}
"""What a certificate may be asked for beside identity and issuer, by the names of
:data:`imgforge.signing.claims.CLAIMS`."""
SIGNED_BY: Final[Mapping[str, Key]] = {
    "key": Key(TEXT, "The file of the public key, relative to this file."),
    "identity": Key(TEXT, "A glob of whom the signing certificate was issued to."),
    "issuer": Key(TEXT, "A glob of who vouched for that identity."),
    **{
        name: Key(TEXT, f"A glob of what the certificate says: {what}.")
        for name, what in CLAIMS.items()
    },
    "trusted-root": Key(TEXT, "The file of another Sigstore's trusted root."),
    "digest": Key(
        DIGEST,
        "The digest of the key's file, or of the root's with an identity. A policy that settings "
        "pin must give it.",
    ),
    "root-digest": Key(DIGEST, "The digest of the trusted root that goes with a key."),
    "log": Key(
        WITNESS,
        "Whether a transparency log must hold the signature; required for an identity, waived for "
        "a key if nothing is said.",
    ),
    "timestamp": Key(
        WITNESS, "Whether a timestamp authority must have seen it; waived if nothing is said."
    ),
}
SIGNERS: Final = {
    "key": (
        frozenset({"key"}),
        frozenset({"digest", "trusted-root", "root-digest", "log", "timestamp"}),
    ),
    "identity": (
        frozenset({"identity", "issuer"}),
        frozenset({*CLAIMS, "trusted-root", "digest", "log", "timestamp"}),
    ),
}
"""What a signatory may be: the keys that belong to each kind, and those that may."""
ATTESTED: Final[Mapping[str, Key]] = {
    "type": Key(TYPE, "What is attested: the name or URI of a predicate type.", required=True),
    "builder": Key(TEXT, "A glob of the provenance's builder."),
    "source": Key(TEXT, "A glob of the repository that was built."),
    "ref": Key(TEXT, "A glob of the ref that was built."),
    "build-type": Key(TEXT, "A glob of the provenance's build type."),
    "locked": Key(TEXT, "An imgforge.lock that has every base which the provenance names."),
    "true": Key(FLAG, "The SBOM lists just what the image's layers have: they are read."),
    "below": Key(LEVEL, "No finding is as severe as this; the newest scan counts."),
    "max-age": Key(DAYS, "The most days since the scan."),
    "where": Key(POINTERS, "What must stand in the predicate, by JSON pointer (RFC 6901)."),
}
CONDITIONS: Final[Mapping[str, frozenset[str]]] = {
    "spdx": frozenset({"true"}),
    "cyclonedx": frozenset({"true"}),
    "provenance": frozenset({"builder", "source", "ref", "build-type", "locked"}),
    "findings": frozenset({"below", "max-age"}),
    "vuln": frozenset({"below", "max-age"}),
}
"""Which conditions can be held against which type; ``where`` against any."""

VULNERABILITIES: Final[Mapping[str, Key]] = {
    "required": Key(
        FLAG, "Vulnerabilities must have been looked for: without a database it is an error."
    ),
    "database-max-age": Key(DAYS, "The most days since the database was brought up to date."),
    "fail-on": Key(LEVEL, "The least level that fails; absent: the policy's own fail-on."),
    "only-fixed": Key(FLAG, "What nobody has mended yet is reported and does not fail."),
    "grace": Key(
        GRACE,
        "The days since its publication in which a vulnerability does not fail yet; of levels that "
        "a table does not name none.",
    ),
    "exploited": Key(
        VERDICT,
        "Whether what is exploited in the wild (KEV) fails whatever else is said; fail if nothing "
        "is.",
    ),
    "probability": Key(SHARE, "From this probability of exploitation (EPSS) any level fails."),
    "unmatched": Key(
        VERDICT, "Whether a component fails of which nobody knows; report if nothing is said."
    ),
    "vex": Key(
        TEXTS,
        "VEX documents that are believed: files or globs, relative to this file (with "
        "`@sha256:...` in a policy that settings pin), and `attested` for those that the image's "
        "own signatories attest of it.",
    ),
}
ACCEPTED: Final[Mapping[str, Key]] = {
    "id": Key(TEXT, "The vulnerability by any of its names, such as a CVE.", required=True),
    "package": Key(TEXT, "A glob that the package's purl matches; absent: any."),
    "reason": Key(TEXT, "Why it is accepted.", required=True),
    "owner": Key(TEXT, "Who accepted it and answers for it.", required=True),
    "expires": Key(DAY, "The last day on which this holds (UTC).", required=True),
}

TABLES: Final[Mapping[str, tuple[str, Mapping[str, Key]]]] = {
    "": ("What holds for every image.", TOP),
    "[severity]": ("Severities of checks, by id, in place of their own.", {}),
    "[budget]": ("How much an image may have.", BUDGET),
    "[[ignore]]": ("Findings that somebody accepted; one that has expired fails.", IGNORE),
    "[delegate]": ("What policies below this one may decide themselves.", DELEGATE),
    "[bases]": ("Which bases may be used.", BASES),
    "[[bases.trust]]": ("Why bases from registries are believed; the first match counts.", TRUST),
    "[licences]": ("Which licences packages may have; without it nobody asks.", LICENCES),
    "[vulnerabilities]": ("Which known vulnerabilities fail, and when.", VULNERABILITIES),
    "[[vulnerabilities.ignore]]": (
        "Vulnerabilities that somebody accepted; an entry that has expired fails.",
        ACCEPTED,
    ),
    "[[images]]": ("What images must prove to `imgforge verify`; the first match counts.", IMAGES),
    "[[images.signed-by]]": (
        "Who may have signed: one of these, by a key or by an identity and its issuer.",
        SIGNED_BY,
    ),
    "[[images.attested]]": ("What must be attested beside the signature, all of it.", ATTESTED),
}
"""Header → what it is for, and its keys."""


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a policy."""
    trust = _object(TRUST)
    trust["oneOf"] = [_only(needed, possible) for needed, possible in REASONS.values()]
    images = _images()
    bases = _object(BASES)
    bases["properties"]["trust"] = {"type": "array", "items": trust}
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
