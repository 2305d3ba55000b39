"""One base pinned for itself: by a lock that lists it, else resolved now and written down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge import bases
from imgforge import lock as locks
from imgforge.errors import InvalidInputError
from imgforge.oci.types import Platform

if TYPE_CHECKING:
    from imgforge.policy.bounds import Policy

BOTH = (Platform("linux", "amd64"), Platform("linux", "arm64"))
"""What a base is made for unless somebody says otherwise."""

_STACK = "base"
"""Stands for a stack in the lock of a base that no application asked for."""


def pin(
    name: str,
    platforms: tuple[Platform, ...] = (),
    packages: tuple[str, ...] = (),
    *,
    lock: Path | None = None,
    offline: bool = False,
    policy: Policy | None = None,
    say: Callable[[str], None],
) -> locks.LockedBase:
    """Return base ``name`` as the file ``lock`` pins it; if there is no such file, resolve it.

    Either way ``policy`` (None: the default one) must let it be used. What was resolved is written
    to ``lock`` if that is given. ``platforms`` may choose among those of an existing lock; none
    given are all of its, or :data:`BOTH`. Raises what
    :func:`imgforge.bases.resolve` raises; InvalidInputError too if the lock is for something else.
    """
    if lock is not None and lock.exists():
        from imgforge.bases import trust
        from imgforge.policy.bounds import Policy

        found = read(lock, name, platforms, packages)
        trust.demand(found, policy or Policy(), offline=offline, say=say)
        return found
    if offline:
        raise InvalidInputError(
            f"base {name} cannot be resolved offline",
            hint="give a lock that pins it with --lock, or resolve it once with network access",
        )
    wanted = platforms or BOTH
    made = bases.resolve(name, wanted, packages=packages, policy=policy, say=say)
    if lock is not None:
        inputs = locks.Inputs(_STACK, "1", name, "", wanted, packages)
        locks.write(locks.Lock(inputs, made), lock)
    return made


def read(
    path: Path,
    name: str,
    platforms: tuple[Platform, ...] = (),
    packages: tuple[str, ...] = (),
) -> locks.LockedBase:
    """Return base ``name`` out of the lock at ``path``, an application's or a base's own."""
    lock = locks.read(path)
    found = next((b for b in (lock.runtime, lock.builder) if b and b.name == name), None)
    if found is None:
        held = [b.name for b in (lock.runtime, lock.builder) if b]
        raise InvalidInputError(f"{path} does not pin {name}", hint="it pins " + " and ".join(held))
    locked = {p.platform for p in found.platforms}
    if missing := [str(p) for p in platforms if p not in locked]:
        raise InvalidInputError(
            f"{path} does not pin {name} for {', '.join(missing)}",
            hint="write another lock, for all platforms, with: imgforge base build --lock FILE",
        )
    added = lock.inputs.packages if found is lock.runtime else ()
    if packages and packages != added:
        raise InvalidInputError(
            f"{path} pins {name} with other packages: {' '.join(added) or 'none'}",
            hint="leave --package out to take what is locked, or write another lock",
        )
    return found
