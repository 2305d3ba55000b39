"""Plans and Dockerfiles kept from earlier runs.

Compiling and rendering are pure, so their result is a function of the spec's, the lock's, the
stack's and imgforge's own bytes. A hit spares a command the libraries that read specs and
templates, which cost more than all else that a small change needs.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge import assets, cache, freshness, settled
from imgforge.catalogs import stamp
from imgforge.files import LOCK
from imgforge.oci.types import canonical_json, sha256
from imgforge.plan import BuildPlan

if TYPE_CHECKING:
    from imgforge.stack import LoadedStack


@dataclass(frozen=True, slots=True)
class Compiled:
    """A plan and its Dockerfile; ``spec`` and ``lock`` are the digests of the files they are of."""

    root: Path
    plan: BuildPlan
    dockerfile: str
    spec: str
    lock: str


def load(
    spec_path: Path,
    *,
    epoch: int | None = None,
    offline: bool = False,
    stack: LoadedStack | None = None,
) -> Compiled:
    """Compile and render the project of ``spec_path``, or take what was made of the same bytes.

    A stack that the lock pins is fetched if it is not held, unless this is ``offline``. ``stack``
    stands in for the one that the spec names; nothing is kept then. Raises what
    :func:`imgforge.project.load` and the compiler raise.
    """
    root = spec_path.resolve().parent
    spec, lock = _digest(spec_path), _digest(root / LOCK)
    if stack is not None:
        return Compiled(root, *_compile(spec_path, epoch, stack=stack), spec, lock)
    named, names = _named(spec_path)
    blocks = [_digest(root / name) for name in names]
    value = [freshness.code(), spec, lock, blocks, epoch, assets.fingerprint(*_folders())]
    value.append(stamp.of(named))
    path = cache.directory("plans") / sha256(canonical_json(value)).removeprefix("sha256:")
    found = _recall(path)
    if found is not None:
        # What the names in the spec mean is not part of the key: definitions may have changed.
        settled.check(spec_path)
    else:
        found = _compile(spec_path, epoch, offline=offline)
        cache.write(path, json.dumps([found[0].to_json(), found[1]]).encode())
    return Compiled(root, *found, spec, lock)


def _compile(
    spec_path: Path, epoch: int | None, *, offline: bool = False, stack: LoadedStack | None = None
) -> tuple[BuildPlan, str]:
    from imgforge import pins, project
    from imgforge.catalogs.opening import How
    from imgforge.render import render

    loaded = project.load(spec_path, How(offline=offline), stack=stack)
    if stack is None:
        settled.check(spec_path, loaded)
    else:
        pins.check(loaded)
    plan = loaded.plan(epoch=epoch)
    return plan, render(plan)


def _recall(path: Path) -> tuple[BuildPlan, str] | None:
    try:
        plan, dockerfile = json.loads(path.read_bytes())
        cache.used(path)
        return BuildPlan.from_json(plan), str(dockerfile)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _folders() -> tuple[Path, Path]:
    return assets.folder("stacks"), assets.folder("templates")


def _named(spec_path: Path) -> tuple[str, list[str]]:
    """Return the spec's stack, and the files that replace its blocks; nothing if unreadable."""
    try:
        table = tomllib.loads(spec_path.read_text(encoding="utf-8"))["stack"]
        found = table.get("blocks", {})
        return str(table["name"]), [str(found[name]) for name in sorted(found)]
    except (OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return "", []


def _digest(path: Path) -> str:
    """Return a file's digest, or empty if it cannot be read: the compiler says why."""
    try:
        return sha256(path.read_bytes())
    except OSError:
        return ""
