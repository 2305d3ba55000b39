"""Locks that were found good: that is kept, and spares reading spec, stack and definitions again.

A lock is good as long as not a byte changes that decided it: the spec, the lock, the shipped data
and imgforge itself.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge import assets, cache, freshness
from imgforge import lock as locks
from imgforge.catalogs import stamp
from imgforge.files import LOCK, configs, locate, pinning
from imgforge.oci.types import canonical_json, sha256

if TYPE_CHECKING:
    from imgforge.lock import Lock, Role
    from imgforge.pins import Outcome
    from imgforge.policy.bounds import Policy
    from imgforge.project import Project


def check(path: Path, loaded: Project | None = None) -> None:
    """Demand that the lock of the project at ``path`` pins what its names mean; ask nobody.

    ``loaded`` is the project if it was read already. InvalidInputError names what is stale.
    """
    spec_path = locate(path)
    mark = _mark(spec_path)
    if mark is not None and cache.used(mark):
        return
    from imgforge import pins, project

    pins.check(loaded or project.load(spec_path))
    # What was changed meanwhile was not what was checked.
    if mark is not None and mark == _mark(spec_path):
        cache.write(mark, b"")


def settle(
    path: Path,
    *,
    upgrade: Collection[str] | None = None,
    offline: bool = False,
    dry_run: bool = False,
    policy: Path | None = None,
    say: Callable[[str], None],
) -> Outcome:
    """Do as :func:`imgforge.pins.update` for the project at ``path``.

    At once if its lock is known to be good.
    """
    from imgforge import pins, project
    from imgforge.policy.stacks import UNBOUND

    spec_path = locate(path)
    lock = _known(spec_path) if upgrade is None else None
    bounds = _bounds(policy) if policy is not None or pinning(os.environ) else None
    if bounds is not None and bounds.stacks != UNBOUND:
        lock = None
    if lock is not None:
        roles: tuple[Role, ...] = ("runtime", "builder") if lock.builder else ("runtime",)
        bases = {role: lock.base(role) for role in roles}
        if not dry_run:
            # Reading a policy is dear, and without one what is made here is always allowed.
            pins.ensure(tuple(bases.values()), bounds, offline=offline, say=say)
        return pins.Outcome(
            tuple(pins.pin(role, base) for role, base in bases.items()), written=False
        )
    from imgforge.catalogs.opening import How

    anew = upgrade is not None and (not upgrade or pins.STACK in upgrade)
    how = How(resolve=True, upgrade=anew, offline=offline, say=say)
    loaded = project.load(spec_path, how)
    outcome = pins.update(
        loaded,
        upgrade=upgrade,
        offline=offline,
        dry_run=dry_run,
        policy=bounds or _bounds(policy),
        say=say,
    )
    if not dry_run:
        check(spec_path, loaded)
    return outcome


def _known(spec_path: Path) -> Lock | None:
    """Return the lock if it is known to be good; None too if the policy has a say in it."""
    mark = _mark(spec_path)
    if mark is None or not cache.used(mark):
        return None
    lock = locks.read(spec_path.resolve().parent / LOCK)
    bases = (lock.runtime, lock.builder)
    outside = lock.stack is not None and lock.stack.source == "registry"
    return None if outside or any(b and b.source == "registry" for b in bases) else lock


def _bounds(path: Path | None) -> Policy:
    from imgforge import policy

    return policy.effective(path)


def _mark(spec_path: Path) -> Path | None:
    """Return the file that is there if the lock is good; None where that cannot be known.

    A file of settings counts with its bytes and the folders of definitions that it names.
    """
    config = next((path for path in configs(os.environ) if path.exists()), None)
    places = [spec_path, spec_path.resolve().parent / LOCK, *([config] if config else [])]
    named = os.environ.get("IMGFORGE_BASES", "").split(os.pathsep)
    try:
        files = [sha256(path.read_bytes()) for path in places]
        if config and not any(named):
            listed = tomllib.loads(config.read_text("utf-8")).get("bases", [])
            named = [str(config.parent / Path(name).expanduser()) for name in listed]
    except (OSError, ValueError, TypeError):
        return None  # whoever reads it properly says what is wrong
    folders = [Path(name).expanduser() for name in named if name]
    folders += [assets.folder("stacks"), assets.folder("bases")]
    value = [freshness.code(), *files, assets.fingerprint(*map(Path.resolve, folders))]
    value.append(stamp.of(_stack(spec_path)))
    return cache.directory("locks") / sha256(canonical_json(value)).removeprefix("sha256:")


def _stack(spec_path: Path) -> str:
    try:
        return str(tomllib.loads(spec_path.read_text(encoding="utf-8"))["stack"]["name"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
