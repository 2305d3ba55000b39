"""Whether a stack, and what a spec changes of it, may be used under a policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from imgforge.catalogs import BUILTIN
from imgforge.errors import InvalidInputError
from imgforge.lock import LockedStack
from imgforge.policy.stacks import UNBOUND

if TYPE_CHECKING:
    from imgforge.plan import BuildPlan
    from imgforge.policy.bounds import Policy
    from imgforge.policy.stacks import Stacks
    from imgforge.stack import StageDeclaration


def of_plan(plan: BuildPlan, policy: Policy, *, offline: bool, say: Callable[[str], None]) -> None:
    """Demand the same as :func:`demand` of the stack that a plan was made with."""
    if policy.stacks == UNBOUND:
        return
    name, _, version = plan.stack.partition("@")
    origin = plan.origin
    if origin is None:
        pin = LockedStack(name, version, BUILTIN, "builtin")
    else:
        pin = LockedStack(
            *(name, version, origin.catalog, origin.source),
            reference=origin.reference,
            digest=plan.stack_digest,
            revision=origin.revision,
        )
    demand(pin, plan.changes, policy, offline=offline, say=say)


def demand(
    pin: LockedStack,
    changes: Iterable[str],
    policy: Policy,
    *,
    offline: bool,
    say: Callable[[str], None],
) -> None:
    """Demand that ``policy`` allows a stack and what of it is changed.

    ``changes`` are lines that begin with what is changed: ``step`` or ``block`` and its name.
    InvalidInputError with all that is not allowed; EvidenceError if a registry's stack is not
    signed as the policy demands; further errors as of :func:`imgforge.bases.trust.signed`.
    """
    bounds = policy.stacks
    wrong = [
        f"it comes from the catalog {pin.catalog}, and stacks.catalogs lists {', '.join(names)}"
        for names in bounds.catalogs
        if pin.catalog not in names
    ]
    wrong += [
        f"{pin} is not in stacks.allow: {', '.join(globs)}"
        for globs in bounds.allow
        if not any(fnmatchcase(str(pin), glob) for glob in globs)
    ]
    for kind, allowed in (("step", bounds.allow_steps), ("block", bounds.allow_blocks)):
        if allowed is False:
            mine = [c for c in changes if c.startswith(f"{kind} ")]
            wrong += [f"stacks.allow-{kind}s = false, and the spec has {each}" for each in mine]
    if wrong:
        raise InvalidInputError(
            f"the policy does not allow the stack {pin} as it is used",
            details=wrong,
            hint="use another one, or ask whoever owns the policy (imgforge policy show)",
        )
    if pin.source == "registry":
        _demand_signers(pin, bounds, offline=offline, say=say)


def demand_indexes(pin: LockedStack, stages: Iterable[StageDeclaration]) -> None:
    """Demand that the settings let a catalog's stack read what its stages declare of indexes.

    Credentials of package indexes go to whatever those stages run. InvalidInputError names those
    that the catalog may not read; imgforge's own stacks, and a folder that is tried, may.
    """
    wanted = {name for stage in stages for name in stage.indexes}
    if pin.source == "builtin" or not wanted:
        return
    from imgforge.catalogs import choosing

    catalog = next(each for each in choosing.configured() if each.name == pin.catalog)
    if catalog.indexes is None and catalog.source == "registry":
        return
    granted = set(catalog.indexes or ())
    if missing := sorted(wanted - granted):
        listed = ", ".join(f'"{name}"' for name in sorted(wanted | granted))
        raise InvalidInputError(
            f"the stack {pin} reads the settings of {', '.join(missing)}, credentials of package "
            "indexes among them, and its catalog may not",
            hint=f"if you trust it so far: indexes = [{listed}] in its [[catalogs]]",
        )


def _demand_signers(
    pin: LockedStack, bounds: Stacks, *, offline: bool, say: Callable[[str], None]
) -> None:
    from imgforge.bases.trust import signed

    for group in bounds.trust:
        entry = next((each for each in group if fnmatchcase(pin.reference, each.match)), None)
        if entry is None:
            raise InvalidInputError(
                f"no [[stacks.trust]] of the policy matches {pin.reference}, which has {pin}",
                hint="whoever owns the policy may add one",
            )
        what = f"stack {pin.catalog}/{pin.name}"
        signed(what, pin.reference, pin.revision, entry, offline=offline, say=say)
