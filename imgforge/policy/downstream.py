"""How one policy bounds another: what both say holds, each time the tighter word of the two."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final

from imgforge.errors import InvalidInputError
from imgforge.policy import downstream_vulnerabilities, stacks
from imgforge.policy.bounds import (
    FLAGS,
    Bases,
    Budget,
    Delegate,
    Ignore,
    Policy,
)
from imgforge.policy.trusted import Trust
from imgforge.policy.vulnerabilities import CHECK, SINGLE, key
from imgforge.severity import LEVELS, Level

BUDGETS: Final = tuple(each.name for each in dataclasses.fields(Budget))
_NOT_TRUST: Final = "who is trusted is not delegated"


def combined(layers: Sequence[tuple[str, Policy]]) -> Policy:
    """Tighten the first of ``layers`` (name, policy) by each of the others.

    InvalidInputError lists every wish that the policies above do not grant.
    """
    from imgforge.policy import file

    (_, outer), *others = layers
    for number, (name, inner) in enumerate(others, 1):
        wishes = loosened(outer, inner, file.natural() if inner.severities else {})
        if wishes:
            raise InvalidInputError(
                f"{name} asks for more than {layers[number - 1][0]} allows",
                details=wishes,
                hint="take it out, or ask whoever owns that policy; [delegate] there says what "
                "others may accept",
            )
        outer = tighten(outer, inner)
    return outer


def tighten(outer: Policy, inner: Policy) -> Policy:
    """Return what holds under both: an image that passes it passes ``outer`` alone.

    Only findings of checks that ``outer`` delegates, and bases of which it says nothing if it
    delegates that, are accepted at the word of ``inner``.
    """
    flags = {flag: getattr(outer, flag) and getattr(inner, flag) for flag in FLAGS}
    floors = dict(outer.floors)
    for more in (inner.floors, inner.severities):
        for check, level in more.items():
            floors[check] = _worse(level, floors.get(check, level))
    budget = {
        name: _least(getattr(outer.budget, name), getattr(inner.budget, name)) for name in BUDGETS
    }
    trust = tuple(each for each in inner.bases.trust if _trusted(outer, each) is None)
    return Policy(
        fail_on=min(outer.fail_on, inner.fail_on, key=LEVELS.index),
        **flags,
        severities=outer.severities,
        floors=floors,
        budget=Budget(**budget),
        ignore=tuple(each for each in inner.ignore if _accepted(outer, each) is None),
        inherited=(
            *outer.exceptions,
            *(each for each in inner.inherited if _accepted(outer, each) is None),
        ),
        bases=Bases(outer.bases.allow + inner.bases.allow, outer.bases.trust + trust),
        day=outer.day,
        delegate=Delegate(
            outer.delegate.checks & inner.delegate.checks,
            outer.delegate.trust and inner.delegate.trust,
            _least(outer.delegate.max_days, inner.delegate.max_days),
        ),
        images=outer.images + inner.images,
        licences=outer.licences + inner.licences,
        vulnerabilities=downstream_vulnerabilities.tighten(
            outer.vulnerabilities,
            inner.vulnerabilities,
            outer.delegate,
            outer.day,
            _limits(outer, inner),
        ),
        stacks=stacks.tighten(outer.stacks, inner.stacks),
    )


def loosened(outer: Policy, inner: Policy, natural: Mapping[str, Level]) -> list[str]:
    """Return every wish of ``inner`` that ``outer`` does not grant, one line each.

    ``natural`` has the severities of checks by themselves.
    """
    found = []
    if LEVELS.index(inner.fail_on) > LEVELS.index(outer.fail_on):
        found.append(f"fail-on: {inner.fail_on} where {outer.fail_on} fails already")
    found += [
        f"{flag.replace('_', '-')}: not allowed"
        for flag in FLAGS
        if getattr(inner, flag) and not getattr(outer, flag)
    ]
    found += stacks.loosened(outer.stacks, inner.stacks)
    for check, level in inner.severities.items():
        least = outer.severity(check, natural.get(check, level))
        if LEVELS.index(level) < LEVELS.index(least):
            found.append(f"severity.{check}: {level} where it is {least}")
    for name in BUDGETS:
        most, wish = getattr(outer.budget, name), getattr(inner.budget, name)
        if most is not None and wish is not None and wish > most:
            found.append(f"budget.{name.replace('_', '-')}: {wish} where {most} is the most")
    found += downstream_vulnerabilities.loosened(
        outer.vulnerabilities,
        inner.vulnerabilities,
        outer.delegate,
        outer.day,
        _limits(outer, inner),
    )
    return found + _undelegated(outer, inner)


def _limits(outer: Policy, inner: Policy) -> tuple[Level, Level]:
    return outer.limit(CHECK), inner.limit(CHECK)


def _undelegated(outer: Policy, inner: Policy) -> list[str]:
    """Return what ``inner`` decides, or lets others decide, that ``outer`` did not leave to it."""
    refused = [(f"ignore {each}", _accepted(outer, each)) for each in inner.exceptions]
    refused += [(f"bases.trust {each.match}", _trusted(outer, each)) for each in inner.bases.trust]
    found = [f"{wish}: {reason}" for wish, reason in refused if reason is not None]
    more = sorted(inner.delegate.checks - outer.delegate.checks)
    found += [f"delegate.checks: {check} is not delegated" for check in more]
    if inner.delegate.trust and not outer.delegate.trust:
        found.append(f"delegate.trust: {_NOT_TRUST}")
    return found


def origins(layers: Sequence[tuple[str, Policy]]) -> dict[str, str]:
    """Return which of ``layers`` set each single bound: its key in ``policy.toml`` → the name."""
    found: dict[str, str] = {}
    before = _single(Policy())
    held: Policy | None = None
    for name, policy in layers:
        held = policy if held is None else tighten(held, policy)
        now = _single(held)
        found |= {key: name for key, value in now.items() if before.get(key) != value}
        before = now
    return found


def _single(policy: Policy) -> dict[str, object]:
    """Return every bound that is one value, by its key in ``policy.toml``."""
    found: dict[str, object] = {"fail-on": policy.fail_on}
    found |= {flag.replace("_", "-"): getattr(policy, flag) for flag in FLAGS}
    found |= {f"budget.{n.replace('_', '-')}": getattr(policy.budget, n) for n in BUDGETS}
    found |= {f"vulnerabilities.{key(n)}": getattr(policy.vulnerabilities, n) for n in SINGLE}
    return found | {f"severity.{check}": level for check, level in severities(policy).items()}


def severities(policy: Policy) -> dict[str, Level]:
    """Return the severity that ``policy`` gives each check of which it says something.

    For one with a floor only it is the least that a finding of it has.
    """
    named = sorted({*policy.severities, *policy.floors})
    return {check: policy.severity(check, LEVELS[0]) for check in named}


def _accepted(outer: Policy, ignore: Ignore) -> str | None:
    """Return why ``outer`` does not let anybody below it accept this; None if it does."""
    if ignore.check not in outer.delegate.checks:
        return "its acceptance is not delegated"
    return _lasts(outer, ignore.expires)


def _trusted(outer: Policy, trust: Trust) -> str | None:
    """Return why ``outer`` does not let anybody below it trust for this reason; None if it does."""
    if not outer.delegate.trust:
        return _NOT_TRUST
    return _lasts(outer, trust.expires) if trust.exempt else None


def _lasts(outer: Policy, expires: dt.date | None) -> str | None:
    if outer.delegate.max_days is None:
        return None
    left = (dt.date.max - outer.day).days
    latest = outer.day + dt.timedelta(days=min(outer.delegate.max_days, left))
    if expires is None or expires > latest:
        return f"it lasts until {expires}, and {latest} is the latest day now"
    return None


def _worse(one: Level, other: Level) -> Level:
    return max(one, other, key=LEVELS.index)


def _least(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)
