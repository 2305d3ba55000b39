"""Reading the tables of a policy by their keys, with every complaint at its place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any, Final

from imgforge.policy.kinds import Key
from imgforge.tomlfile import Location, Problem

NOBODY: Final = "names nobody, so anybody would do"
_TELLING: Final = 4
"""The least letters of an identity that are no wildcards, signs or scheme."""
_WILD: Final = re.compile(r"\[[^\]]*\]|https?|[*?:/@.!\[\]]")


def table(
    value: object,
    keys: Mapping[str, Key],
    place: Location,
    problems: list[Problem],
    *,
    known: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Return the values that are as they must be, by key; ``problems`` has the others."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        problems.append(Problem(place, "is not a table"))
        return {}
    found = {}
    for name, each in value.items():
        if name not in keys:
            close = difflib.get_close_matches(name, known or keys, 1)
            hint = f"did you mean {close[0]!r}?" if close else ""
            problems.append(Problem((*place, name), "unknown key", hint))
            continue
        try:
            found[name] = keys[name].kind.read(each)
        except ValueError as error:
            problems.append(Problem((*place, name), str(error)))
    for name, key in keys.items():
        if key.required and name not in value:
            problems.append(Problem((*place, name), "is required", key.about))
    return found


def tables(value: object, place: Location, problems: list[Problem]) -> list[dict[str, Any]]:
    """Return a list of tables; none, and a problem, if ``value`` is no such list."""
    if isinstance(value, list) and all(isinstance(table, dict) for table in value):
        return value
    problems.append(Problem(place, "is not a list of tables"))
    return []


def telling(glob: str) -> bool:
    """Whether a glob tells somebody from anybody: ``http*`` and ``*@*`` do not."""
    return len(_WILD.sub("", glob)) >= _TELLING
