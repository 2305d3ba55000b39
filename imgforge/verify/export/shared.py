"""What every exported policy has in common: what is demanded of a predicate, and how it is told.

A condition that an engine cannot hold is never left out in silence: the export fails with the
list, or (``partial``) says at the policy's head what it does not check.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from imgforge.errors import EvidenceError, InvalidInputError
from imgforge.oci.types import sha256
from imgforge.severity import LEVELS
from imgforge.signing.key import PublicKey
from imgforge.signing.statement import FINDINGS, PROVENANCE, PROVENANCES, SPDX, VULNERABILITIES
from imgforge.verify.conditions import sbom
from imgforge.verify.conditions import where as pointed
from imgforge.verify.demand import Attested, Demand
from imgforge.verify.export.pattern import Unsupported

T = TypeVar("T")
Yaml = Mapping[str, Any]

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_WIDTH: Final = 92


@dataclass(frozen=True, slots=True)
class Field:
    """A text at a path of keys in the predicate that a glob must match."""

    path: tuple[str, ...]
    glob: str


@dataclass(frozen=True, slots=True)
class Value:
    """A text, number or boolean where a JSON pointer's tokens lead; a number may be an index."""

    tokens: tuple[str, ...]
    glob: str


@dataclass(frozen=True, slots=True)
class Below:
    """No finding of imgforge's at one of ``levels``."""

    levels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fresh:
    """The scan, whose day or time (RFC 3339) stands at a path, is at most ``days`` old."""

    path: tuple[str, ...]
    days: int


Condition = Field | Value | Below | Fresh


def conditions(attested: Attested) -> tuple[list[Condition], list[str]]:
    """Return what can be asked of the predicate alone, and what cannot, and why."""
    out: list[Condition] = []
    lost: list[str] = []
    for part in (_provenance, _sbom, _findings, _pointed):
        part(attested, out, lost)
    return out, [f"{attested.type}: {each}" for each in lost]


def _provenance(attested: Attested, out: list[Condition], lost: list[str]) -> None:
    asked = (attested.builder, attested.build_type, attested.source, attested.ref, attested.locked)
    if not any(asked):
        return
    if attested.type not in PROVENANCES:
        lost.append("it is no type of SLSA provenance that is read here")
        return
    first = attested.type == PROVENANCE
    inside: tuple[str, ...] = ("runDetails",) if first else ()
    if attested.builder:
        out.append(Field((*inside, "builder", "id"), attested.builder))
    if attested.build_type:
        inside = ("buildDefinition",) if first else ()
        out.append(Field((*inside, "buildType"), attested.build_type))
    lost += [
        f"{name}: which field says it depends on the build type; demand it of the identity, or of "
        "one field with where"
        for name, given in (("source", attested.source), ("ref", attested.ref))
        if given
    ]
    if attested.locked is not None:
        lost.append(f"locked: no cluster has {attested.locked.name}")


def _sbom(attested: Attested, out: list[Condition], lost: list[str]) -> None:
    if attested.true:
        lost.append("true: no cluster reads the image's layers")
    if sbom.is_sbom(attested.type):
        spdx = attested.type.startswith(SPDX)
        out.append(
            Field(("spdxVersion",), "SPDX-2.?") if spdx else Field(("bomFormat",), "CycloneDX")
        )


def _findings(attested: Attested, out: list[Condition], lost: list[str]) -> None:
    if attested.below is not None:
        if attested.type == FINDINGS:
            out.append(Below(LEVELS[LEVELS.index(attested.below) :]))
        else:
            lost.append("below: each scanner writes another report")
    if attested.max_age is not None:
        dated = {FINDINGS: ("day",), VULNERABILITIES: ("metadata", "scanFinishedOn")}
        at = dated.get(attested.type)
        if at is None:
            lost.append("max-age: it has no day of its scan that is read here")
        else:
            out.append(Fresh(at, attested.max_age))


def _pointed(attested: Attested, out: list[Condition], lost: list[str]) -> None:
    for pointer, glob in attested.where.items():
        try:
            tokens = pointed.parse(pointer)
        except ValueError as error:
            raise InvalidInputError(f"where: {pointer!a} is no JSON pointer: {error}") from error
        if tokens:
            out.append(Value(tokens, glob))
        else:
            lost.append("where: the whole predicate is no text")


def attempted(lost: list[str], what: str, make: Callable[[], T]) -> T | None:
    """Return what ``make`` does, or None and a line in ``lost`` if the engine cannot hold it."""
    try:
        return make()
    except Unsupported as error:
        lost.append(f"{what}: {error}")
        return None


def named(who: str, make: Callable[[], T]) -> T:
    """Return what ``make`` does; InvalidInputError if the engine cannot hold it.

    A signatory is never left out or widened, not even by a partial policy.
    """
    try:
        return make()
    except Unsupported as error:
        raise InvalidInputError(f"no policy can name the signatory {who!a}: {error}") from error


def checked(demand: Demand, name: str) -> None:
    """InvalidInputError if no policy can be made: nobody is named who signs, or its name is odd."""
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"{name!a} is no name in Kubernetes", hint="lower-case letters, digits, - and ."
        )
    if not demand.signed_by or any(
        who.key is None and not (who.identity and who.issuer) for who in demand.signed_by
    ):
        raise InvalidInputError(f"nothing says who must have signed {demand.match!a}")


def content(files: Mapping[Path, bytes], path: Path, digest: str = "") -> bytes:
    """Return what a file of the demand holds, which the caller has read.

    EvidenceError if it is not of the ``digest`` (``sha256:<hex>``) that the demand pins.
    """
    try:
        data = files[path]
    except KeyError as error:
        raise InvalidInputError(f"{path} was not read for the export") from error
    if digest and sha256(data) != digest:
        raise EvidenceError(f"{path} is not the file of digest {digest} that is demanded")
    return data


def public_key(files: Mapping[Path, bytes], path: Path, digest: str = "") -> str:
    """Return a public key's PEM, checked and written anew."""
    return PublicKey.from_pem(content(files, path, digest), str(path)).to_pem().decode()


def document(
    engine: str,
    demand: Demand,
    resources: Sequence[Yaml],
    lost: Sequence[str],
    notes: Sequence[str],
    *,
    partial: bool,
) -> str:
    """Return the resources as YAML with what is to be known of them in comments.

    InvalidInputError with the list of what is lost, unless ``partial``.
    """
    if lost and not partial:
        raise InvalidInputError(
            f"{engine} cannot check all that is demanded of {demand.match!a}",
            details=tuple(dict.fromkeys(lost)),
            hint="--partial writes the rest, and says in the policy what it does not check",
        )
    head = [f"Written by imgforge: what is demanded of {demand.match!a}, for {engine}.", *notes]
    if lost:
        head.append("NOT CHECKED by this policy, though imgforge verify checks it:")
        head += [f"- {each}" for each in dict.fromkeys(lost)]
    lines = [
        f"# {line}" if indent == 0 else f"#   {line}"
        for each in head
        for indent, line in enumerate(textwrap.wrap(_plain(each), _WIDTH) or [""])
    ]
    return "\n".join(lines) + "\n" + "---\n".join(_yaml(each) for each in resources)


def _plain(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode().replace("\n", " ")


def _yaml(resource: Yaml) -> str:
    return "".join(f"{line}\n" if line.strip() else "\n" for line in _lines(resource))


def _lines(value: object) -> list[str]:
    """Write JSON-like data as block YAML; every text that could be read otherwise is quoted."""
    if isinstance(value, Mapping):
        return [line for key, each in value.items() for line in _entry(f"{_scalar(key)}:", each)]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [line for each in value for line in _entry("-", each)]
    return [_scalar(value)]


def _entry(lead: str, value: object) -> list[str]:
    if isinstance(value, str) and "\n" in value and _is_block(value):
        body = value.removesuffix("\n").split("\n")
        mark = "|" if value.endswith("\n") else "|-"
        return [f"{lead} {mark}", *(f"  {line}" if line else "" for line in body)]
    if not isinstance(value, Mapping | list | tuple) or not value:
        return [f"{lead} {_scalar(value)}"]
    inner = _lines(value)
    if lead == "-":
        return [f"- {inner[0]}", *(f"  {line}" for line in inner[1:])]
    return [lead, *(f"  {line}" for line in inner)]


def _is_block(text: str) -> bool:
    return (
        all(" " <= c <= "~" or c in "\n\t" for c in text)
        and not text.startswith((" ", "\n", "\t"))
        and not text.endswith("\n\n")
    )


def _scalar(value: object) -> str:
    import json

    # YAML 1.1 reads some words as booleans or null.
    if (
        isinstance(value, str)
        and re.fullmatch(r"[A-Za-z][A-Za-z0-9./-]*", value)
        and value.lower() not in {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
    ):
        return value
    # JSON is YAML; its escapes are those of a double-quoted scalar (YAML 1.2, 1.3 and 7.3.1).
    return json.dumps(value)
