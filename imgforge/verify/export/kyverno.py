"""A demand as a Kyverno ClusterPolicy with ``verifyImages`` (kyverno.io/v1).

Read out of github.com/kyverno/kyverno (``pkg/image/verifiers/cpol/cosign/sigstore.go``,
``pkg/engine/internal/imageverifier.go``, its state of August 2026), type SigstoreBundle:

- Any bundle by an attestor passes for a signature. So "it is signed" is asked for as the
  attestation that it is in a bundle.
- The trusted root is the one that Kyverno itself was started with; a policy cannot bring its own.
- ``ctlog.ignoreSCT`` says whether a time is demanded, and a log's time counts as one.
- Every attestation of a type that an attestor signed must hold, not just one.
- A predicate's fields are laid over those of the request that is judged: a field of the same name
  as one of those is never asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from imgforge.signing.statement import FINDINGS, SIGNATURE
from imgforge.verify.demand import Demand, SignedBy
from imgforge.verify.export.pattern import Unsupported, holder, is_literal, regex, uri
from imgforge.verify.export.shared import (
    Below,
    Condition,
    Field,
    Fresh,
    Value,
    Yaml,
    attempted,
    checked,
    conditions,
    document,
    named,
    public_key,
)

_REKOR: Final = "https://rekor.sigstore.dev"
_DAY: Final = 24
"""Hours."""
_IMAGES: Final = re.compile(r"[a-zA-Z0-9_:/*?.@-]+")
_PLAIN: Final = re.compile(r"[ !#-&(-\[\]-z|~]*")
"""What stands in a JMESPath raw string inside Kyverno's braces: no quotes, braces, backslashes."""
_VARIABLE: Final = re.compile(r"\{\{|\$\(")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")
_TAKEN: Final = frozenset(
    {"request", "images", "image", "element", "elementIndex", "target", "object", "oldObject"}
    | {"serviceAccountName", "serviceAccountNamespace", "userInfo", "value"}
)
"""Names in the context of a rule, which a predicate without them would not hide."""
_NOTES: Final = (
    "What is checked is the digest that a pod names: of a multi-platform image, the index.",
    "Every attestation of a type by one who may sign it must hold, not only one of them.",
    "Of an SBOM only the format is looked at: SPDX 2 or CycloneDX.",
    "Where an SBOM is demanded, an index that imgforge built is refused: it has none.",
    "Of a certificate it is not looked at whether a log of certificates knows it.",
)


def render(demand: Demand, name: str, *, files: Mapping[Path, bytes], partial: bool = False) -> str:
    """Return the policy ``name`` as YAML.

    ``files`` has the content of every key that the demand names. InvalidInputError with the list
    of what Kyverno cannot check, unless ``partial`` says to write that into a comment;
    EvidenceError if a key is malformed.
    """
    checked(demand, name)
    lost: list[str] = []
    notes = list(_NOTES)
    images = attempted(lost, "match", lambda: _images(demand.match)) or ["*"]
    attestors = [
        {
            "count": 1,
            "entries": [_attestor(each, files, lost) for each in demand.signed_by],
        }
    ]
    attestations: list[Yaml] = [{"type": SIGNATURE, "attestors": attestors}]
    for attested in demand.attested:
        asked, cannot = conditions(attested)
        lost += cannot
        if attested.below is not None and attested.type == FINDINGS:
            notes.append("Findings that a policy accepted count here, too.")
        told = [each for one in asked for each in _told(attested.type, one, lost)]
        held = {"conditions": told} if told else {}
        attestations.append({"type": attested.type, "attestors": attestors, **held})
    policy = {
        "apiVersion": "kyverno.io/v1",
        "kind": "ClusterPolicy",
        "metadata": {"name": name},
        "spec": {
            "background": False,
            "webhookConfiguration": {"failurePolicy": "Fail", "timeoutSeconds": 30},
            "rules": [
                {
                    "name": "verify",
                    "match": {"any": [{"resources": {"kinds": ["Pod"]}}]},
                    "verifyImages": [
                        {
                            "type": "SigstoreBundle",
                            "imageReferences": images,
                            "failureAction": "Enforce",
                            "mutateDigest": True,
                            "verifyDigest": True,
                            "required": True,
                            "attestations": attestations,
                        }
                    ],
                }
            ],
        },
    }
    return document("Kyverno", demand, [policy], lost, notes, partial=partial)


def _images(match: str) -> list[str]:
    """Return patterns of whole references; Kyverno's ``*`` crosses ``/``."""
    if not _IMAGES.fullmatch(match):
        raise Unsupported(f"{match!a} has sets in brackets; every image is judged")
    return [match] if match.endswith("*") else [f"{match}:*", f"{match}@*"]


def _attestor(signatory: SignedBy, files: Mapping[Path, bytes], lost: list[str]) -> Yaml:
    witnesses = signatory.witnesses
    rekor = {"url": _REKOR, "ignoreTlog": not witnesses.log}
    who = signatory.key.name if signatory.key else f"{signatory.identity} of {signatory.issuer}"
    if witnesses.timestamp:
        lost.append(f"{who}: a timestamp: Kyverno takes a log's own time for one")
    if signatory.trusted_root is not None and (signatory.key is None or witnesses.log):
        lost.append(
            f"{who}: {signatory.trusted_root.name}: Kyverno trusts the Sigstore that it was "
            "started with (--tufMirror, --tufRoot), whatever a policy says"
        )
    if signatory.key is not None:
        return {
            "keys": {
                "publicKeys": public_key(files, signatory.key, signatory.digest),
                "signatureAlgorithm": "sha256",
                "rekor": rekor,
                "ctlog": {"ignoreSCT": not (witnesses.log or witnesses.timestamp)},
            }
        }
    lost += [
        f"{who}: {claim}: only the identity and its issuer are looked at"
        for claim in signatory.claims
    ]
    return {
        "keyless": {
            **named(who, lambda: _matched("issuer", signatory.issuer)),
            **named(who, lambda: _matched("subject", signatory.identity)),
            "rekor": rekor,
            # Without any time a certificate is held against the present, when it has expired.
            "ctlog": {"ignoreSCT": False},
        }
    }


def _matched(name: str, glob: str) -> dict[str, str]:
    literal = is_literal(glob)
    said = glob if literal else holder(glob)
    if _VARIABLE.search(said):
        raise Unsupported(f"{glob!a} would be read as one of Kyverno's variables")
    return {name: said} if literal else {f"{name}RegExp": said}


def _told(kind: str, condition: Condition, lost: list[str]) -> list[Yaml]:
    return attempted(lost, kind, lambda: _conditions(condition)) or []


def _conditions(condition: Condition) -> list[Yaml]:
    """Return what must all hold, each of any of its alternatives."""
    if isinstance(condition, Field):
        return [{"all": _text(_path(condition.path), uri(condition.glob))}]
    if isinstance(condition, Value):
        return [{"all": _value(_path(condition.tokens), condition.glob)}]
    if isinstance(condition, Below):
        return [{"all": _below(condition)}]
    return [{"all": _fresh(condition)}]


def _text(place: str, pattern: str) -> list[Yaml]:
    """Hold a text against an expression; a number passes for none, whatever it is made into."""
    return [
        _holds(f"type({place})", "string"),
        _holds(f"regex_match('{_raw(pattern)}', {place})", value=True),
    ]


def _value(place: str, glob: str) -> list[Yaml]:
    literal = glob in {"true", "false"} or _NUMBER.fullmatch(glob)
    if not literal:
        return _text(place, regex(glob))
    return [
        _holds(f"contains(['string', 'number', 'boolean'], type({place}))", value=True),
        _holds(f"regex_match('{_raw(regex(glob))}', to_string({place}))", value=True),
    ]


def _below(condition: Below) -> list[Yaml]:
    from imgforge.severity import LEVELS

    good = [level for level in LEVELS if level not in condition.levels]
    names = ", ".join(f"'{level}'" for level in good)
    found = f"findings[?!contains([{names}], severity)]" if good else "findings"
    return [
        _holds("regex_match('^imgforge ', scanner)", value=True),
        _holds("type(findings)", "array"),
        _holds(f"length({found})", 0),
    ]


def _fresh(condition: Fresh) -> list[Yaml]:
    place = _path(condition.path)
    if len(condition.path) == 1:
        since = f"time_since('2006-01-02', {place}, '')"
        # A scan of today is 0 days old until tomorrow.
        until = f"{_DAY * (condition.days + 1)}h"
        operator = "LessThan"
    else:
        since, until, operator = f"time_since('', {place}, '')", f"{_DAY * condition.days}h", ""
    return [
        {
            "key": f"{{{{ {since} }}}}",
            "operator": operator or "LessThanOrEquals",
            "value": until,
        },
        {"key": f"{{{{ {since} }}}}", "operator": "GreaterThanOrEquals", "value": f"-{_DAY}h"},
    ]


def _holds(key: str, value: object) -> Yaml:
    return {"key": f"{{{{ {key} }}}}", "operator": "Equals", "value": value}


def _path(tokens: Sequence[str]) -> str:
    """Return a JMESPath to where a pointer leads; a number may be an index or a key."""
    if tokens[0] in _TAKEN:
        raise Unsupported(f"/{tokens[0]}/...: the request that is judged has a field of that name")
    out = ""
    for token in tokens:
        if not token or not _PLAIN.fullmatch(token):
            raise Unsupported(f"{token!a} cannot be written inside Kyverno's braces")
        key = json.dumps(token)
        if _INDEX.fullmatch(token) and out:
            out = f"({out}.{key} || {out}[{token}])"
        else:
            out = f"{out}.{key}" if out else key
    return out


def _raw(pattern: str) -> str:
    if not _PLAIN.fullmatch(pattern):
        raise Unsupported(f"{pattern!a} cannot be written inside Kyverno's braces")
    return pattern
