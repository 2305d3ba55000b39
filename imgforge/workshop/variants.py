"""Every variant of a stack: each runtime version, kind of lock and value of its parameters."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from imgforge.choice import choose
from imgforge.compiler import compile_plan
from imgforge.errors import InvalidInputError
from imgforge.fields import Parameter
from imgforge.plan import BuildPlan
from imgforge.render import render
from imgforge.spec import Spec
from imgforge.stack import Definition, LoadedStack, ParameterDeclaration
from imgforge.workshop.rendered import made_lock

MOST = 64
"""Combinations of parameters, for each version and lock. Where there would be more, each parameter
is changed alone."""

_SPEC = "imgforge.toml"


@dataclass(frozen=True, slots=True)
class Variant:
    """What a stack becomes for some choices; ``label`` says which, for people."""

    label: str
    plan: BuildPlan
    dockerfile: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A variant that cannot be rendered, and why."""

    label: str
    error: InvalidInputError


class _ImpossibleError(Exception):
    """Choices that no spec can make together."""


def every(stack: LoadedStack) -> Iterator[Variant | Failed]:
    """Yield each variant; the ones that render to the same Dockerfile once."""
    definition = stack.definition
    seen: set[str] = set()
    for version, lock, values in itertools.product(
        definition.versions, _locks(definition), list(_combinations(definition))
    ):
        said = {"version": version, **({"lock": lock} if lock else {}), **values}
        label = ", ".join(f"{name} = {value}" for name, value in said.items())
        try:
            made = _variant(stack, version, lock, values, label)
        except _ImpossibleError:
            continue
        except InvalidInputError as error:
            yield Failed(label, error)
            continue
        # The comment that names what was chosen makes no difference.
        same = render(replace(made.plan, changes=()))
        if same not in seen:
            seen.add(same)
            yield made


def _variant(
    stack: LoadedStack, version: str, lock: str, values: dict[str, Parameter], label: str
) -> Variant:
    app: dict[str, Any] = {"source": ["src"], **({"lock": lock} if lock else {})}
    try:
        return _made(stack, version, values, app, label)
    except InvalidInputError as error:
        # A program of its own, where the stack starts none: which one is the spec's business.
        if not _lacks_program(error):
            raise
    return _made(stack, version, values, {**app, "entrypoint": ["/app/src/server"]}, label)


def _made(
    stack: LoadedStack,
    version: str,
    values: dict[str, Parameter],
    app: dict[str, Any],
    label: str,
) -> Variant:
    spec = Spec.model_validate(
        {
            "image": {"name": "test/variant"},
            "stack": {"name": stack.definition.name, "version": version, "parameters": values},
            "app": app,
        }
    )
    try:
        choice = choose(stack, spec, b"", _SPEC)
    except InvalidInputError as error:
        # Choices that exclude each other are what the stack means to refuse.
        if error.message.startswith(f"{_SPEC} is not valid") and not _lacks_program(error):
            raise _ImpossibleError(error.message) from error
        raise
    plan = compile_plan(spec, stack, choice, made_lock(spec, stack, choice))
    return Variant(label, plan, render(plan))


def _lacks_program(error: InvalidInputError) -> bool:
    return any(": app.entrypoint: is required" in detail for detail in error.details)


def _locks(definition: Definition) -> Sequence[str]:
    """Return a name for each kind of lock; an empty one where a spec may have none."""
    named = [kind.file.replace("*", "requirements") for kind in definition.locks]
    return named if definition.lock == "required" else ["", *named]


def _combinations(definition: Definition) -> Iterator[dict[str, Parameter]]:
    """Yield values of the parameters: all combinations, or each changed alone if they are many."""
    offers = {name: _values(declared) for name, declared in definition.parameters.items()}
    count = 1
    for values in offers.values():
        count *= len(values)
    if count <= MOST:
        yield from (
            dict(zip(offers, combined, strict=True))
            for combined in itertools.product(*offers.values())
        )
        return
    defaults = {name: values[0] for name, values in offers.items()}
    yield defaults
    for name, values in offers.items():
        yield from ({**defaults, name: value} for value in values[1:])


def _values(declared: ParameterDeclaration) -> list[Parameter]:
    """Return the values to try, the default first."""
    more: list[Parameter] = []
    if declared.type == "boolean":
        more = [not declared.default]
    elif declared.type == "string":
        more = list(declared.choices)
    elif declared.type == "strings" and declared.choices:
        more = [[], declared.choices[:1]]
    return [declared.default, *(value for value in more if value != declared.default)]
