"""Facts of layers kept between runs, under the digest of the layer and of the rules.

A forged entry could hide a finding, so an entry that another user owns or can write is not read,
and :func:`imgforge.cache.directory` vouches for the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
from functools import cache
from pathlib import Path
from typing import Any, Final

from imgforge.analysis.blob import Limits
from imgforge.analysis.facts import Entry, LayerFacts, MalwareHit, Package, Problem, SecretHit
from imgforge.cache import used, write
from imgforge.oci.types import is_digest

VERSION: Final = 3
"""Raised whenever the same bytes and rules would give other facts, or the format changes."""


@cache
def rules_digest() -> str:
    """Return 32 hexadecimal digits that change with everything that decides facts."""
    from imgforge import secrets
    from imgforge.analysis import programs

    data = hashlib.sha256(repr((VERSION, Limits())).encode())
    data.update(Path(programs.__file__).read_bytes())
    for name in ("catalogue", "confirm", "find", "names", "published"):
        data.update(Path(secrets.__file__).with_name(f"{name}.py").read_bytes())
    return data.hexdigest()[:32]


def path_of(cache: Path, digest: str) -> Path:
    """Where the facts of the layer ``digest`` lie or would lie."""
    return cache / f"{digest.removeprefix('sha256:')}-{rules_digest()}.json"


def load(cache: Path, digest: str) -> LayerFacts | None:
    """Return the kept facts of the layer ``digest``; None if there are none to be trusted."""
    path = path_of(cache, digest)
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                return None
            value = json.loads(file.read())
        facts = from_json(value)
        used(path)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return facts if facts.digest == digest else None


def save(cache: Path, facts: LayerFacts) -> None:
    """Keep ``facts`` in one step, for this user alone."""
    data = json.dumps(to_json(facts), separators=(",", ":")).encode()
    write(path_of(cache, facts.digest), data)


def to_json(facts: LayerFacts) -> dict[str, Any]:
    """Return a compact JSON object: named tuples become lists."""
    return {
        "digest": facts.digest,
        "diff_id": facts.diff_id,
        "size": facts.size,
        "removed": facts.removed,
        "opaque": facts.opaque,
        "captured": dict(facts.captured),
        "interpreters": dict(facts.interpreters),
        "programs": dict(facts.programs),
        "entries": facts.entries,
        "secrets": facts.secrets,
        "malware": facts.malware,
        "packages": facts.packages,
        "problems": facts.problems,
    }


def from_json(value: dict[str, Any]) -> LayerFacts:
    """Read what :func:`to_json` wrote; ValueError, TypeError or KeyError on anything else."""
    if not (is_digest(value["digest"]) and is_digest(value["diff_id"])):
        raise ValueError("kept facts lack digests")
    packages = map(Package._make, value["packages"])
    return LayerFacts(
        digest=value["digest"],
        diff_id=value["diff_id"],
        size=value["size"],
        removed=tuple(value["removed"]),
        opaque=tuple(value["opaque"]),
        captured=value["captured"],
        interpreters=value["interpreters"],
        programs=value["programs"],
        entries=tuple(map(Entry._make, value["entries"])),
        secrets=tuple(map(SecretHit._make, value["secrets"])),
        malware=tuple(map(MalwareHit._make, value["malware"])),
        packages=tuple(package._replace(paths=tuple(package.paths)) for package in packages),
        problems=tuple(map(Problem._make, value["problems"])),
    )
