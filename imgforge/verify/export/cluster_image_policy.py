"""A demand as Sigstore's ClusterImagePolicy, for its policy-controller (policy.sigstore.dev).

Read out of github.com/sigstore/policy-controller (``pkg/apis``, ``pkg/webhook/validator.go``, its
state of August 2026):

- An authority that lists attestations has its signature not looked at, and any bundle passes for
  a signature. So "it is signed" is asked for as the attestation that it is in a bundle.
- Bundles are read of keyless authorities alone; a key's signatures only in cosign's older format.
- A log's entry and a timestamp are never both demanded.
- A TrustRoot of keys knows no time at which one ceases to count, and a log by its key alone.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from imgforge import strictjson
from imgforge.errors import EvidenceError
from imgforge.signing.statement import SIGNATURE
from imgforge.verify.demand import Demand, SignedBy
from imgforge.verify.export import rego
from imgforge.verify.export.pattern import Unsupported, holder, is_literal
from imgforge.verify.export.shared import (
    Condition,
    Yaml,
    attempted,
    checked,
    conditions,
    content,
    document,
    named,
    public_key,
)

_FULCIO: Final = "https://fulcio.sigstore.dev"
_IMAGES: Final = re.compile(r"[a-zA-Z0-9_:/*.@-]+")
_NOTES: Final = (
    "Each authority must prove everything by itself; one that does is enough.",
    "What is checked is the digest that a pod names: of a multi-platform image, the index.",
    "Of an SBOM only the format is looked at: SPDX 2 or CycloneDX.",
    "Where an SBOM is demanded, an index that imgforge built is refused: it has none.",
)


def render(demand: Demand, name: str, *, files: Mapping[Path, bytes], partial: bool = False) -> str:
    """Return the policy ``name`` and the trust roots it needs, as YAML.

    ``files`` has the content of every key and trusted root that the demand names.
    InvalidInputError with the list of what the controller cannot check, unless ``partial`` says to
    write that into a comment; EvidenceError if a key or root is malformed.
    """
    checked(demand, name)
    lost: list[str] = []
    images = attempted(lost, "match", lambda: _images(demand.match)) or ["**"]
    attested = list(_attested(demand, lost))
    roots: dict[Path, str] = {}
    authorities = []
    for index, signatory in enumerate(demand.signed_by):
        if signatory.trusted_root is not None and signatory.key is None:
            roots.setdefault(signatory.trusted_root, f"{name}-root-{len(roots)}")
        authority = _authority(index, signatory, files, roots, lost)
        authorities.append({**authority, **_asked(authority, attested)})
    policy = {
        "apiVersion": "policy.sigstore.dev/v1beta1",
        "kind": "ClusterImagePolicy",
        "metadata": {"name": name},
        "spec": {
            "images": [{"glob": each} for each in images],
            "authorities": authorities,
            "mode": "enforce",
        },
    }
    made = [_trust_root(content(files, path), path, of, lost) for path, of in roots.items()]
    engine = "Sigstore's policy-controller"
    return document(engine, demand, [*made, policy], lost, _NOTES, partial=partial)


def _images(match: str) -> list[str]:
    """Return globs of whole references; ``**`` crosses ``/``, and a bare ``*`` means Docker Hub."""
    if not _IMAGES.fullmatch(match):
        raise Unsupported(f"{match!a} has more than * for a wildcard; every image is judged")
    glob = re.sub(r"\*+", "**", match)
    names = [glob]
    if glob.startswith("docker.io/"):
        names.append(f"index.{glob}")
    if glob.endswith("**"):
        return names
    return [f"{each}{mark}**" for each in names for mark in ":@"]


def _attested(demand: Demand, lost: list[str]) -> Iterator[tuple[str, Sequence[Condition]]]:
    yield SIGNATURE, ()
    for attested in demand.attested:
        asked, cannot = conditions(attested)
        lost += cannot
        yield attested.type, [each for each in asked if _writable(attested.type, each, lost)]


def _writable(kind: str, condition: Condition, lost: list[str]) -> bool:
    return attempted(lost, kind, lambda: rego.module(kind, [condition])) is not None


def _asked(authority: Yaml, attested: Sequence[tuple[str, Sequence[Condition]]]) -> Yaml:
    # What comes first says that the image is signed; in the older format no attestation does.
    wanted = attested if "keyless" in authority else attested[1:]
    out = [
        {
            "name": f"attestation-{index}",
            "predicateType": kind,
            "policy": {"type": "rego", "data": rego.module(kind, asked)},
        }
        for index, (kind, asked) in enumerate(wanted)
    ]
    return {"attestations": out} if out else {}


def _authority(
    index: int,
    signatory: SignedBy,
    files: Mapping[Path, bytes],
    roots: Mapping[Path, str],
    lost: list[str],
) -> dict[str, Any]:
    out: dict[str, Any] = {"name": f"authority-{index}"}
    if signatory.key is not None:
        lost.append(
            f"{signatory.key.name}: the controller reads no bundles that a key signed, only "
            "cosign's older signatures, or, where attestations are demanded, only those; images "
            "signed by imgforge are not admitted"
        )
        if signatory.witnesses.log or signatory.witnesses.timestamp:
            lost.append(f"{signatory.key.name}: a log or timestamp beside the key")
        pem = public_key(files, signatory.key, signatory.digest)
        return {**out, "key": {"data": pem, "hashAlgorithm": "sha256"}}
    who = f"{signatory.identity} of {signatory.issuer}"
    lost += [
        f"{who}: {claim}: only the identity and its issuer are looked at"
        for claim in signatory.claims
    ]
    identity = {
        **named(who, lambda: _matched("issuer", signatory.issuer)),
        **named(who, lambda: _matched("subject", signatory.identity)),
    }
    trust: dict[str, Any] = {}
    url = _FULCIO
    if signatory.trusted_root is not None:
        trust = {"trustRootRef": roots[signatory.trusted_root]}
        data = content(files, signatory.trusted_root, signatory.digest)
        url = _authority_url(data, signatory.trusted_root)
    out |= {
        "keyless": {"url": url, "identities": [identity], **trust},
        "signatureFormat": "bundle",
    }
    if signatory.witnesses.log and signatory.witnesses.timestamp:
        lost.append(f"{who}: a timestamp beside the log: the controller demands one of both")
    if signatory.witnesses.timestamp and not signatory.witnesses.log:
        return {**out, "rfc3161timestamp": trust}
    # The controller asks for a log's entry by itself, even where the demand does not.
    return {**out, "ctlog": trust} if trust else out


def _matched(name: str, glob: str) -> dict[str, str]:
    return {name: glob} if is_literal(glob) else {f"{name}RegExp": holder(glob)}


def _authority_url(data: bytes, path: Path) -> str:
    for authority in _read(data, path).get("certificateAuthorities", []):
        if authority.get("uri"):
            return str(authority["uri"])
    raise EvidenceError(f"{path} names no certificate authority's address")


def _trust_root(data: bytes, path: Path, name: str, lost: list[str]) -> Yaml:
    """Return a TrustRoot of what a trusted_root.json has (protobuf-specs, sigstore_trustroot)."""
    root = _read(data, path)
    try:
        keys = {
            "certificateAuthorities": [
                _issuer(each, path, lost) for each in root.get("certificateAuthorities", [])
            ],
            "ctLogs": [_log(each, path, lost) for each in root.get("ctlogs", [])],
            "tLogs": [_log(each, path, lost) for each in root.get("tlogs", [])],
            "timestampAuthorities": [
                _issuer(each, path, lost) for each in root.get("timestampAuthorities", [])
            ],
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EvidenceError(f"{path} is no trusted root: {error!r}") from error
    return {
        "apiVersion": "policy.sigstore.dev/v1alpha1",
        "kind": "TrustRoot",
        "metadata": {"name": name},
        "spec": {"sigstoreKeys": {kind: each for kind, each in keys.items() if each}},
    }


def _read(data: bytes, path: Path) -> dict[str, Any]:
    try:
        return strictjson.load_object(data)
    except ValueError as error:
        raise EvidenceError(f"{path} is no trusted root: {error}") from error


def _issuer(authority: Mapping[str, Any], path: Path, lost: list[str]) -> Yaml:
    _ended(authority.get("validFor"), authority.get("uri"), path, lost)
    subject = authority["subject"]
    chain = [base64.b64decode(each["rawBytes"]) for each in authority["certChain"]["certificates"]]
    return {
        "subject": {
            "organization": str(subject.get("organization") or "unnamed"),
            "commonName": str(subject.get("commonName") or "unnamed"),
        },
        "uri": str(authority["uri"]),
        "certChain": _pem("CERTIFICATE", chain),
    }


def _log(log: Mapping[str, Any], path: Path, lost: list[str]) -> Yaml:
    key = base64.b64decode(log["publicKey"]["rawBytes"])
    _ended(log["publicKey"].get("validFor"), log["baseUrl"], path, lost)
    if base64.b64decode(log["logId"]["keyId"]) != hashlib.sha256(key).digest():
        lost.append(
            f"{path.name}: the log {log['baseUrl']} has another name than its key's digest (as of "
            "Rekor 2), which a TrustRoot cannot say; its entries are not found"
        )
    return {
        "baseURL": str(log["baseUrl"]),
        "hashAlgorithm": "sha256",
        "publicKey": _pem("PUBLIC KEY", [key]),
    }


def _ended(valid: Mapping[str, Any] | None, what: object, path: Path, lost: list[str]) -> None:
    if valid and valid.get("end"):
        lost.append(f"{path.name}: that {what} counts no longer after {valid['end']}")


def _pem(label: str, blocks: Sequence[bytes]) -> str:
    """Return PEM in base64, as Kubernetes holds bytes."""
    out = b"".join(
        b"-----BEGIN %b-----\n%b-----END %b-----\n"
        % (label.encode(), base64.encodebytes(each), label.encode())
        for each in blocks
    )
    return base64.b64encode(out).decode()
