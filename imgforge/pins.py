"""The life of a lock: which pins still hold, which are resolved anew, and what that changes.

A pin is kept as long as it is one of what the project asks for; a lock that was made twice is the
same, whatever the archives did meanwhile. Only what no longer fits, or is named to be upgraded, is
resolved again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imgforge import lock as locks
from imgforge.errors import InvalidInputError
from imgforge.lock import Inputs, Lock, LockedBase, LockedStack, Role
from imgforge.oci.types import Platform

if TYPE_CHECKING:
    from imgforge.bases.changes import Changes
    from imgforge.policy.bounds import Policy
    from imgforge.project import Project

Say = Callable[[str], None]

ASKED = "an upgrade was asked for"
STACK = "stack"
"""What upgrades call the stack, beside bases and their roles."""
ON_TOP = "packages"
"""Name of the layer that the spec's packages make (``bases.definitions.PACKAGES``)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A base that a project asks for: a name, and system packages on top."""

    role: Role
    name: str
    platforms: tuple[Platform, ...]
    packages: tuple[str, ...] = ()
    instead_of: str = ""
    """The stack's own base, where the spec names another."""
    against: tuple[str, ...] = ()
    """Libraries that are compiled against: they go on top with their headers."""

    def __str__(self) -> str:
        return f"{self.role} {self.name}"


@dataclass(frozen=True, slots=True)
class Pin:
    """What became of a base: kept if there are no ``reasons``, else resolved anew.

    ``digest`` is empty where a dry run would have to make the base to know it; ``changes`` are
    against the pin before, if there was one.
    """

    role: Role
    name: str
    digest: str
    reasons: tuple[str, ...] = ()
    changes: Changes | None = None
    packages: int = 0
    """How many it holds on its first platform."""
    added: tuple[str, ...] = ()
    """Those of them that stand on top because of the spec, with all that they need; by name."""

    def to_json(self) -> dict[str, Any]:
        """Return it as ``--format json`` shows it."""
        return {
            "role": self.role,
            "name": self.name,
            "digest": self.digest or None,
            "packages": self.packages,
            "added": list(self.added),
            "kept": not self.reasons,
            "reasons": list(self.reasons),
            "changes": self.changes.to_json() if self.changes is not None else None,
        }


@dataclass(frozen=True, slots=True)
class StackPin:
    """What became of the stack: kept if there are no ``reasons``.

    ``before`` is what was locked, if something was; ``notes`` are the lines of its changelog since
    then.
    """

    now: LockedStack
    before: LockedStack | None = None
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as ``--format json`` shows it."""
        return {
            "name": self.now.name,
            "catalog": self.now.catalog,
            "source": self.now.source,
            "version": self.now.version,
            "digest": self.now.digest or None,
            "before": self.before.version if self.before is not None else None,
            "kept": not self.reasons,
            "reasons": list(self.reasons),
            "changelog": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the whole lock; ``written`` says whether the file was replaced."""

    pins: tuple[Pin, ...]
    written: bool
    stack: StackPin | None = None
    """None where nothing had to be looked at, since the lock is known to be good."""


def asked(project: Project) -> tuple[Wanted, ...]:
    """Return the bases that ``project`` asks for."""
    choice, platforms = project.choice, project.spec.platforms
    own = project.stack.definition.versions[choice.version]
    packages = tuple(project.spec.stack.packages)
    runtime = Wanted("runtime", choice.runtime, platforms, packages, own.runtime)
    if not choice.builder:
        return (runtime,)
    # Steps that cross build run on the machine's own platform, most often this one.
    native = tuple(dict.fromkeys((*platforms, Platform("linux", "amd64"))))
    from imgforge.bases import registry_reference

    # A builder from a registry must have what it compiles with itself.
    compiles = choice.compiles and not registry_reference(choice.builder)
    builder = Wanted(
        *("builder", choice.builder, native, tuple(project.spec.stack.build_packages)),
        instead_of=own.builder or "",
        against=packages if compiles else (),
    )
    return runtime, builder


def check(project: Project) -> None:
    """Demand that the lock of ``project`` pins what it asks for; InvalidInputError says what not.

    Nothing outside is asked.
    """
    lock = project.read_lock()
    stale = [f"{w}: {why}" for w in asked(project) for why in reasons(lock, w)]
    if stale:
        raise project.stale(stale)


def reasons(lock: Lock, wanted: Wanted) -> tuple[str, ...]:
    """Say why ``lock`` does not pin ``wanted``; empty if it does."""
    from imgforge.bases.fit import misfits

    base = _base(lock, wanted)
    if base is None:
        return (f"no {wanted.role} base was locked",)
    on_top = bool(wanted.packages or wanted.against)
    found = misfits(base, wanted.name, wanted.platforms, packages=on_top)
    had, inputs = _had(lock.inputs, wanted.role), (wanted.packages, wanted.against)
    for before, now, what in zip(
        had, inputs, ("packages", "libraries to compile with"), strict=True
    ):
        if not found and base.source == "packages" and set(before) != set(now):
            found.append(f"{what} {_listed(before)} were locked, {_listed(now)} are wanted")
    return tuple(found)


def _had(inputs: Inputs, role: Role) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what a lock was made for: the packages on top of a base, and those compiled with."""
    if role == "runtime":
        return inputs.packages, ()
    return inputs.build_packages, inputs.packages if inputs.compiles else ()


def _listed(names: Collection[str]) -> str:
    return " ".join(sorted(names)) or "none"


def update(
    project: Project,
    *,
    upgrade: Collection[str] | None = None,
    offline: bool = False,
    dry_run: bool = False,
    policy: Policy | None = None,
    say: Say,
) -> Outcome:
    """Bring the lock of ``project`` up to what it asks for; see the module.

    ``upgrade`` names bases, or their roles, to be resolved anew; empty means all. All bases are in
    the cache afterwards. A dry run writes and makes nothing. Raises what :func:`bases.resolve` and
    :func:`bases.ensure` raise; InvalidInputError if ``offline`` does not do, TransientError if the
    archives are older than the lock.
    """
    from imgforge.catalogs import bounds
    from imgforge.policy.bounds import Policy

    policy = policy or Policy()
    names = asked(project)
    old, lacking = _old(project, anew=upgrade is not None and not upgrade)
    wishes = [f"step {step.name}" for step in project.spec.build.steps]
    wishes += [f"block {name}" for name in project.spec.stack.blocks]
    bounds.demand(project.opened.pin, wishes, policy, offline=offline, say=say)
    stack = _stack_pin(project, old, lacking, upgrade)
    upgraded = _upgraded(names, upgrade)
    why: dict[Wanted, tuple[str, ...]] = {}
    for w in names:
        why[w] = reasons(old, w) if old is not None else (lacking,)
        why[w] = why[w] or ((ASKED,) if w in upgraded else ())
    if offline and any(why.values()):
        raise InvalidInputError(
            f"{project.lock_path} cannot be made offline: bases must be resolved",
            details=[f"{w}: {reason}" for w in names for reason in why[w]],
            hint=f"run once with network access: imgforge lock {project.root}",
        )
    if dry_run:
        previews = tuple(_preview(w, old, why[w], policy, say) for w in names)
        return Outcome(previews, written=False, stack=stack)
    made = {w.role: base for w in names if not why[w] and (base := _base(old, w)) is not None}
    believed = ensure(tuple(made.values()), policy, offline=offline, say=say)
    made = dict(zip(made, believed, strict=True))
    pins = []
    for w in names:
        changes = None
        if why[w]:
            made[w.role], changes = _resolved(w, _base(old, w), policy, say)
        pins.append(pin(w.role, made[w.role], why[w], changes))
    new = Lock(project.lock_inputs(), made["runtime"], made.get("builder"), stack.now)
    if old is not None and old.stack is None and not stack.reasons:
        # A lock from before stacks were pinned stays as it is for as long as nothing else changes.
        new = new if dataclasses.replace(new, stack=None) != old else old
    if new != old:
        locks.write(new, project.lock_path)
    return Outcome(tuple(pins), new != old, stack)


def _stack_pin(
    project: Project, old: Lock | None, lacking: str, upgrade: Collection[str] | None
) -> StackPin:
    """Say what becomes of the stack: what is pinned stays, also in what does not decide."""
    from imgforge.catalogs import changelog, opening

    now, before = project.opened.pin, old.stack if old is not None else None
    if before is None and (old is None or now.source != "builtin"):
        return StackPin(now, None, (lacking or "no stack was locked",))
    if before is None or before == now:
        return StackPin(now, before)
    if opening.same(before, now) and now.source != "builtin":
        # Another commit of the checkout, or another word of trust: only the latter is news.
        kept = dataclasses.replace(before, trust=now.trust)
        return StackPin(kept, before)
    reason = f"it was {before} {before.digest}".rstrip()
    if upgrade is not None and (not upgrade or STACK in upgrade):
        reason = ASKED
    notes: tuple[str, ...] = ()
    if before.name == now.name and before.catalog == now.catalog:
        notes = changelog.between(project.opened.files, before.version, now.version)
    return StackPin(now, before, (reason,), notes)


def ensure(
    pinned: Sequence[LockedBase], policy: Policy | None, *, offline: bool, say: Say
) -> list[LockedBase]:
    """Make sure that bases whose pins are kept may be used still and are in the cache.

    Returns them with the reasons for which they are believed now.
    """
    from imgforge import bases

    believed = list(pinned)
    if policy is not None:
        from imgforge.bases import trust

        believed = [
            dataclasses.replace(b, trust=trust.demand(b, policy, offline=offline, say=say))
            for b in pinned
        ]
    bases.ensure_all(believed, offline=offline, say=say)
    return believed


def _old(project: Project, *, anew: bool) -> tuple[Lock | None, str]:
    """Return the lock there is, else why there is none.

    One that cannot be read (a merge in the middle, a newer imgforge's) is no reason to lose its
    pins: only with ``anew`` it is replaced.
    """
    if not project.lock_path.exists():
        return None, "there was no lock"
    try:
        return locks.read(project.lock_path), ""
    except InvalidInputError as error:
        if anew:
            return None, error.message
        raise InvalidInputError(
            error.message,
            details=error.details,
            hint="bring it back (git), or make it anew: imgforge lock --upgrade",
        ) from error


def _base(lock: Lock | None, wanted: Wanted) -> LockedBase | None:
    base: LockedBase | None = getattr(lock, wanted.role, None)
    return base


def _upgraded(asked: Sequence[Wanted], names: Collection[str] | None) -> list[Wanted]:
    if names is None:
        return []
    if STACK in names:
        names = [name for name in names if name != STACK]
        if not names:
            return []
    unknown = [n for n in names if not any(n in {w.role, w.name} for w in asked)]
    if unknown:
        raise InvalidInputError(
            f"this project has no base {', '.join(unknown)}",
            hint=f"its bases: {', '.join(map(str, asked))}, and stack; "
            "a folder is named before --upgrade",
        )
    return [w for w in asked if not names or w.role in names or w.name in names]


def _resolved(
    wanted: Wanted, old: LockedBase | None, policy: Policy, say: Say
) -> tuple[LockedBase, Changes | None]:
    from imgforge import bases
    from imgforge.bases import flaws
    from imgforge.bases.changes import between

    old = old if old is not None and old.name == wanted.name else None
    name, platforms = wanted.name, wanted.platforms
    packages, against = wanted.packages, wanted.against
    if bases.registry_reference(name):
        found = bases.resolve(
            name,
            platforms,
            packages=packages,
            against=against,
            policy=policy,
            instead_of=wanted.instead_of,
            say=say,
        )
        return found, between(old, found) if old else None
    offer = bases.look(name, platforms, packages=packages, against=against, policy=policy, say=say)
    base = offer.base if old is None else _since(old, offer.base)
    made = bases.make(base, say=say)
    return made, between(old, made, offer.fixes, flaws.mended(old, made)) if old else None


def _preview(
    wanted: Wanted, lock: Lock | None, why: tuple[str, ...], policy: Policy, say: Say
) -> Pin:
    """Say what :func:`update` would do; packages are compared, and nothing is made of them."""
    from imgforge import bases
    from imgforge.bases import flaws
    from imgforge.bases.changes import Changes, between

    old = _base(lock, wanted)
    if old is not None and not why:
        return pin(wanted.role, old)
    old = old if old is not None and old.name == wanted.name else None
    reference = bases.registry_reference(wanted.name)
    if reference:
        new = bases.named_now(reference, say=say)
        return Pin(wanted.role, wanted.name, new, why, Changes(old.digest, new) if old else None)
    offer = bases.look(
        *(wanted.name, wanted.platforms),
        packages=wanted.packages,
        against=wanted.against,
        policy=policy,
        say=say,
    )
    base = offer.base
    if old is not None:
        base = _since(old, base)
        if _undated(base) == _undated(old):
            base = old
    changes = between(old, base, offer.fixes, flaws.mended(old, base)) if old else None
    return pin(wanted.role, base, why, changes)


def _since(old: LockedBase, new: LockedBase) -> LockedBase:
    """Return ``new``, with the dates of ``old`` if nothing else differs: a digest holds them too.

    TransientError if ``new`` is of older archives.
    """
    from imgforge.bases.changes import refuse_older

    refuse_older(old, new)
    if _undated(new) == _undated(old):
        return dataclasses.replace(new, epoch=old.epoch, archives=old.archives)
    return new


def _undated(base: LockedBase) -> LockedBase:
    """Return ``base`` without what only says when it was read and what was made of it."""
    platforms = tuple(dataclasses.replace(p, digest="") for p in base.platforms)
    return dataclasses.replace(base, digest="", epoch=0, archives=(), platforms=platforms)


def pin(
    role: Role, base: LockedBase, why: tuple[str, ...] = (), changes: Changes | None = None
) -> Pin:
    """Return what became of ``base``: kept, or resolved anew for the reasons ``why``."""
    layers = [layer for p in base.platforms[:1] for layer in p.layers]
    count = sum(len(layer.packages) for layer in layers)
    added = tuple(p.name for layer in layers if layer.name == ON_TOP for p in layer.packages)
    return Pin(role, base.name, base.digest, why, changes, count, added)
