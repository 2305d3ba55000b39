"""Reading ``[[images]]`` of a policy: what images must prove, and who may have signed them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imgforge.policy import keys, reading
from imgforge.policy.bounds import Images
from imgforge.signing.proof import Witnesses
from imgforge.signing.statement import TYPES
from imgforge.tomlfile import Location, Problem
from imgforge.verify.demand import Attested, Demand, SignedBy


def read(
    tables: list[dict[str, Any]], path: Path, problems: list[Problem], *, delegated: bool
) -> tuple[Images, ...]:
    """Return what the policy at ``path`` demands of images; ``problems`` has what is wrong.

    ``delegated``: what it says nothing of is left to policies below it.
    """
    demands = tuple(
        _demand(table, path.parent, ("images", i), problems) for i, table in enumerate(tables)
    )
    return (Images(demands, str(path), delegated),)


def _demand(
    table: dict[str, Any], folder: Path, place: Location, problems: list[Problem]
) -> Demand:
    own = {name: value for name, value in table.items() if name not in {"signed-by", "attested"}}
    known = (*keys.IMAGES, "signed-by", "attested")
    found = reading.table(own, keys.IMAGES, place, problems, known=known)
    signed = reading.tables(table.get("signed-by", []), (*place, "signed-by"), problems)
    attested = reading.tables(table.get("attested", []), (*place, "attested"), problems)
    if table.get("signed-by", []) == []:
        about = "is required: [[images.signed-by]] says who must have signed"
        problems.append(Problem((*place, "signed-by"), about))
    return Demand(
        signed_by=tuple(
            _signatory(each, folder, (*place, "signed-by", i), problems)
            for i, each in enumerate(signed)
        ),
        attested=tuple(
            _attested(each, folder, (*place, "attested", i), problems)
            for i, each in enumerate(attested)
        ),
        match=found.get("match", ""),
        through_index=found.get("platforms") == "index",
    )


def _signatory(
    table: dict[str, Any], folder: Path, place: Location, problems: list[Problem]
) -> SignedBy:
    found = reading.table(table, keys.SIGNED_BY, place, problems)
    kinds = [kind for kind in keys.SIGNERS if kind in table]
    if len(kinds) != 1:
        problems.append(Problem(place, f"needs exactly one of {', '.join(keys.SIGNERS)}"))
        return SignedBy()
    (kind,) = kinds
    needed, possible = keys.SIGNERS[kind]
    strange = (keys.SIGNED_BY.keys() & table.keys()) - needed - possible
    problems += [Problem((*place, k), f"does not go with {kind}") for k in sorted(strange)]
    problems += [
        Problem((*place, k), "is required", keys.SIGNED_BY[k].about)
        for k in sorted(needed - table.keys())
    ]
    rooted = {"digest"} if kind == "identity" else {"root-digest"}
    if "trusted-root" not in table:
        about = "is of no file: there is no trusted-root"
        problems += [Problem((*place, k), about) for k in sorted(rooted & table.keys())]
    problems += [
        Problem((*place, name), reading.NOBODY)
        for name in ("identity", "issuer")
        if name in found and not reading.telling(found[name])
    ]
    witnesses = Witnesses(
        log=found.get("log", "required" if kind == "identity" else "waived") == "required",
        timestamp=found.get("timestamp") == "required",
    )
    return SignedBy(
        key=folder / found["key"] if "key" in found else None,
        identity=found.get("identity", ""),
        issuer=found.get("issuer", ""),
        claims={name: found[name] for name in keys.CLAIMS if name in found},
        trusted_root=folder / found["trusted-root"] if "trusted-root" in found else None,
        digest=found.get("digest", ""),
        root_digest=found.get("root-digest", ""),
        witnesses=witnesses,
    )


def _attested(
    table: dict[str, Any], folder: Path, place: Location, problems: list[Problem]
) -> Attested:
    found = reading.table(table, keys.ATTESTED, place, problems)
    kind = found.get("type", "")
    named = next((name for name, uri in TYPES.items() if kind in {name, uri}), "")
    # Of types without a name here, other versions say, what is read is told when it is judged.
    if named:
        strange = keys.ATTESTED.keys() & table.keys()
        strange -= keys.CONDITIONS[named] | {"type", "where"}
        about = f"is no condition on {kind}"
        problems += [Problem((*place, key), about) for key in sorted(strange)]
    return Attested(
        type=TYPES.get(kind, kind),
        builder=found.get("builder", ""),
        source=found.get("source", ""),
        ref=found.get("ref", ""),
        build_type=found.get("build-type", ""),
        locked=folder / found["locked"] if "locked" in found else None,
        true=found.get("true", False),
        below=found.get("below"),
        max_age=found.get("max-age"),
        where=found.get("where", {}),
    )
