"""The policy that holds and where each bound came from, for a terminal and for programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgforge.policy import stacks, vulnerabilities
from imgforge.policy.bounds import FLAGS, Ignore, Policy
from imgforge.policy.downstream import origins, severities
from imgforge.policy.trusted import Trust
from imgforge.report.text import plain

if TYPE_CHECKING:
    from imgforge.verify.demand import Demand


def render(layers: Sequence[tuple[str, Policy]], held: Policy) -> str:
    """Return plain ASCII lines in the manner of ``policy.toml``, each with the file that said it.

    ``layers`` are the files that count, the outermost first, and ``held`` is what they make.
    """
    value, said = _value(held), origins(layers)
    bounds = ("severity", "budget")
    rows = [(key, each) for key, each in value.items() if not isinstance(each, dict | list)]
    rows += [(f"{t}.{key}", each) for t in bounds for key, each in value[t].items()]
    lines = [f"files: {', '.join(plain(name) for name, _ in layers) or 'none'}"]
    lines += [f"{k} = {json.dumps(v)}  # {plain(said.get(k, 'default'))}" for k, v in rows]
    lines += [f"ignore {plain(str(i))}: {plain(i.said)}" + _ended(i, held) for i in held.exceptions]
    lines += [f"bases.allow = {json.dumps(globs)}" for globs in value["bases"]["allow"]]
    lines += [f"bases.trust {_reason(trust)}" for trust in value["bases"]["trust"]]
    lines += [
        f"stacks.{key} {_reason(each)}" if key == "trust" else f"stacks.{key} = {json.dumps(each)}"
        for key, each in _stack_rows(value["stacks"])
    ]
    lines += [
        f"licences.{key} = {json.dumps(each)}"
        for table in value["licences"]
        for key, each in table.items()
    ]
    lines += [f"images {_proof(image)}" for images in value["images"] for image in images]
    lines += [f"delegate.{key} = {json.dumps(each)}" for key, each in value["delegate"].items()]
    lines += [
        f"vulnerabilities.{key} = {json.dumps(each)}"
        for key, each in value["vulnerabilities"].items()
    ]
    return "\n".join(lines) + "\n"


def as_json(layers: Sequence[tuple[str, Policy]], held: Policy) -> str:
    """Return the same as JSON: ``files``, ``policy`` by the keys of the file, ``origins``."""
    value = {
        "files": [name for name, _ in layers],
        "policy": _value(held),
        "origins": dict(origins(layers)),
    }
    return json.dumps(value, indent=2) + "\n"


def _value(held: Policy) -> dict[str, Any]:
    budget = held.budget
    limits: Mapping[str, int | None] = {
        "size": budget.size,
        "unpacked": budget.unpacked,
        "layers": budget.layers,
        "age": budget.age,
        "base-age": budget.base_age,
    }
    delegate: Mapping[str, Any] = {
        "checks": sorted(held.delegate.checks),
        "trust": held.delegate.trust,
        "max-days": held.delegate.max_days,
    }
    return {
        "fail-on": held.fail_on,
        **{flag.replace("_", "-"): getattr(held, flag) for flag in FLAGS},
        "severity": severities(held),
        "budget": {key: limit for key, limit in limits.items() if limit is not None},
        "ignore": [_ignore(each) for each in held.exceptions],
        "delegate": {key: each for key, each in delegate.items() if each},
        "bases": {
            "allow": [list(globs) for globs in held.bases.allow],
            "trust": [_trust(each) for each in held.bases.trust],
        },
        "stacks": {
            **stacks.shown(held.stacks),
            "trust": [[_trust(each) for each in group] for group in held.stacks.trust],
        },
        "licences": [each.to_json() for each in held.licences],
        "vulnerabilities": vulnerabilities.shown(held.vulnerabilities),
        "images": [[_image(each) for each in images.demands] for images in held.images],
    }


def _stack_rows(table: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return each list, flag and signer of ``[stacks]`` with its key."""
    rows: list[tuple[str, Any]] = []
    for key, value in table.items():
        several = value if isinstance(value, list) else [value]
        if key == "trust":
            several = [each for group in value for each in group]
        rows += [(key, each) for each in several]
    return rows


def _ignore(ignore: Ignore) -> dict[str, str]:
    found = {
        "check": ignore.check,
        "path": ignore.path,
        "key": ignore.key,
        "fingerprint": ignore.fingerprint,
        "image": ignore.image,
        "reason": ignore.reason,
        "owner": ignore.owner,
        "expires": str(ignore.expires),
    }
    return {key: value for key, value in found.items() if value not in {"", "*"}}


def _trust(trust: Trust) -> dict[str, str]:
    found = {
        "match": trust.match,
        "key": trust.key,
        "identity": trust.identity,
        "issuer": trust.issuer,
        "trusted-root": trust.trusted_root,
        "digest": trust.digest,
        "exempt": trust.exempt,
        "owner": trust.owner,
        "expires": trust.expires,
    }
    return {key: str(value) for key, value in found.items() if value}


def _image(demand: Demand) -> dict[str, Any]:
    """Return an entry as the file has it; all that is as it usually is left out."""
    signed = [
        {
            "key": by.key,
            "identity": by.identity,
            "issuer": by.issuer,
            **by.claims,
            "trusted-root": by.trusted_root,
            "digest": by.digest,
            "root-digest": by.root_digest,
            "log": "required" if by.witnesses.log else "waived",
            "timestamp": "required" if by.witnesses.timestamp else "waived",
        }
        for by in demand.signed_by
    ]
    attested = [
        {key.replace("_", "-"): value for key, value in dataclasses.asdict(each).items()}
        for each in demand.attested
    ]
    return {
        "match": demand.match,
        "platforms": "index" if demand.through_index else "each",
        "signed-by": [_said(each) for each in signed],
        "attested": [_said(each) for each in attested],
    }


def _said(table: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in table.items() if value or type(value) is int}
    return {key: str(value) if isinstance(value, Path) else value for key, value in kept.items()}


def _proof(image: Mapping[str, Any]) -> str:
    said = [f"signed by {_signatory(by)}" for by in image["signed-by"]]
    attested = [each["type"] + _conditions(each, "type") for each in image["attested"]]
    return plain(f"{image['match']}: " + ", ".join([" or ".join(said), *attested]))


def _signatory(by: Mapping[str, Any]) -> str:
    if "key" in by:
        return f"{by['key']}{_conditions(by, 'key')}"
    return f"{by['identity']} of {by['issuer']}{_conditions(by, 'identity', 'issuer')}"


def _conditions(table: Mapping[str, Any], *named: str) -> str:
    """Return what a table says beside ``named`` and what is waived, in parentheses."""
    rest = {key: value for key, value in table.items() if key not in named and value != "waived"}
    return f" ({', '.join(f'{key} {value}' for key, value in rest.items())})" if rest else ""


def _reason(trust: Mapping[str, str]) -> str:
    reason = ", ".join(f"{key} {value}" for key, value in trust.items() if key != "match")
    return plain(f"{trust['match']}: {reason}")


def _ended(ignore: Ignore, held: Policy) -> str:
    return " - EXPIRED" if ignore.expired(held.day) else ""
