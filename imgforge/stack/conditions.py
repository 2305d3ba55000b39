"""What holds of a stack for one spec: its stages, flags and parameters, the lock's kind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from imgforge import template
from imgforge.fields import Parameter
from imgforge.stack.definition import (
    Definition,
    LockDeclaration,
    ParameterDeclaration,
    StageDeclaration,
    When,
)

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "strings": list,
}


def fits(
    declared: ParameterDeclaration,
    value: Any,  # noqa: ANN401 - decoded TOML
    *,
    trusted: bool,
) -> bool:
    """Say whether a parameter's value has its type, is one of its choices and matches.

    ``trusted`` is whether its pattern shipped with imgforge.
    """
    kind = _TYPES[declared.type]
    if not isinstance(value, kind) or (isinstance(value, bool) and declared.type != "boolean"):
        return False
    items = value if isinstance(value, list) else [value]
    if declared.choices and any(item not in declared.choices for item in items):
        return False
    pattern = declared.pattern
    return pattern is None or all(
        template.matches(pattern, str(item), name="stack.toml", trusted=trusted) for item in items
    )


def holds(when: When, facts: dict[str, Parameter]) -> bool:
    """Say whether the parameters (and ``manager``, ``version``) in ``facts`` are as ``when`` says.

    A list is satisfied by any one of its values; ``true`` by a parameter that has several values
    (``strings``) if there are any, ``false`` if there are none.
    """
    return all(_is(facts[name], value) for name, value in when.items())


def _is(fact: Parameter, value: Parameter) -> bool:
    if isinstance(fact, list) and isinstance(value, bool):
        return bool(fact) == value
    return fact in value if isinstance(value, list) else fact == value


def alternatives(stage: StageDeclaration) -> list[When]:
    """Return the conditions under any of which the stage exists."""
    return stage.when if isinstance(stage.when, list) else [stage.when]


def exists(stage: StageDeclaration, facts: dict[str, Parameter]) -> bool:
    """Say whether the stage is built where the parameters are as ``facts`` says."""
    return any(holds(when, facts) for when in alternatives(stage))


def applies(flag: bool | When, facts: dict[str, Parameter]) -> bool:  # noqa: FBT001 - of a stage
    """Say whether a flag that may depend on ``facts`` (see :func:`holds`) is set."""
    return holds(flag, facts) if isinstance(flag, dict) else flag


def lock_kind(definition: Definition, lock: str) -> LockDeclaration | None:
    """Return the kind of lock that a file of this name is for the stack; None if it is none."""
    import fnmatch

    name = PurePosixPath(lock).name
    return next((d for d in definition.locks if fnmatch.fnmatchcase(name, d.file)), None)


def lock_lacking(definition: Definition, parameters: Mapping[str, Any]) -> LockDeclaration:
    """Return the kind of lock to make where there is none: of the manager a parameter names."""
    named = [d for d in definition.locks if d.manager in parameters.values()]
    return (named or definition.locks)[0]
