"""Conditions on a predicate in Rego, as policy-controller has them judged.

``data.sigstore.isCompliant`` over the in-toto statement. Version 1's syntax, which version 0 of
the language knows by its import (openpolicyagent.org/docs/v0-upgrade). What is missing or of
another type makes a line undefined, and then nothing is compliant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from imgforge.severity import LEVELS
from imgforge.verify.export.pattern import is_literal, regex, uri
from imgforge.verify.export.shared import Below, Condition, Field, Fresh, Value

_DAY: Final = 86_400_000_000_000
"""Nanoseconds, in which Rego counts time."""
_SKEW: Final = 1
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")

_ACCEPTED: Final = """\
accepted(finding) if {
	finding.ignored != ""
	finding.ignored != false
	finding.ignored != null
	time.parse_ns("2006-01-02", finding.ignoredUntil) >= today * %d
}
"""


def module(predicate_type: str, asked: Sequence[Condition]) -> str:
    """Return the module that holds a statement of this type against all that is asked."""
    body = [f"input.predicateType == {json.dumps(predicate_type)}"]
    helpers: list[str] = []
    for condition in asked:
        body += _lines(condition, helpers)
    lines = "".join(f"\t{line}\n" for line in body)
    rules = "".join(f"\n{each}" for each in dict.fromkeys(helpers))
    return (
        "package sigstore\n\nimport rego.v1\n\ndefault isCompliant := false\n\n"
        f"isCompliant if {{\n{lines}}}\n{rules}"
    )


def _lines(condition: Condition, helpers: list[str]) -> Iterator[str]:
    if isinstance(condition, Field):
        yield from _fits(_at(condition.path), condition.glob, uri)
    elif isinstance(condition, Value):
        yield from _value(condition, helpers)
    elif isinstance(condition, Below):
        helpers += [_today(), _ACCEPTED % _DAY]
        known = json.dumps(list(LEVELS))
        bad = json.dumps(list(condition.levels))
        yield 'startswith(input.predicate.scanner, "imgforge ")'
        yield "is_array(input.predicate.findings)"
        yield f"every finding in input.predicate.findings {{ finding.severity in {known} }}"
        yield (
            "count([f | some f in input.predicate.findings; "
            f"f.severity in {bad}; not accepted(f)]) == 0"
        )
    else:
        yield from _fresh(condition, helpers)


def _fresh(condition: Fresh, helpers: list[str]) -> Iterator[str]:
    helpers.append(_today())
    said = _at(condition.path)
    if len(condition.path) > 1:
        # A time: its day is that of UTC only where it is written in UTC.
        yield f'endswith({said}, "Z")'
        said = f"substring({said}, 0, 10)"
    yield f'age := today - floor(time.parse_ns("2006-01-02", {said}) / {_DAY})'
    yield f"age <= {condition.days}"
    yield f"age >= {-_SKEW}"


def _today() -> str:
    return f"today := floor(time.now_ns() / {_DAY})\n"


def _value(condition: Value, helpers: list[str]) -> Iterator[str]:
    """Walk a pointer: a token that is a number is an index of a list, and a key of an object."""
    index = sum(each.startswith("place") for each in helpers)
    name, found = f"place{index}", f"found{index}"
    ways: list[str] = []
    steps: list[str] = []
    for token in condition.tokens:
        if _INDEX.fullmatch(token):
            ways.append(f"\tsome way{len(ways)} in [{token}, {json.dumps(token)}]\n")
            steps.append(f"way{len(ways) - 1}")
        else:
            steps.append(json.dumps(token))
    at = "input.predicate" + "".join(f"[{step}]" for step in steps)
    helpers.append(f"{name} contains found if {{\n{''.join(ways)}\tfound := {at}\n}}\n")
    accepted = [json.dumps(condition.glob)]
    if condition.glob in {"true", "false"} or _NUMBER.fullmatch(condition.glob):
        accepted.append(condition.glob)
    yield f"some {found} in {name}"
    if is_literal(condition.glob):
        yield f"{found} in [{', '.join(accepted)}]"
    else:
        yield from _fits(found, condition.glob, regex)


def _fits(place: str, glob: str, expression: Callable[[str], str]) -> Iterator[str]:
    if is_literal(glob):
        yield f"{place} == {json.dumps(glob)}"
    else:
        yield f"is_string({place})"
        yield f"regex.match({json.dumps(expression(glob))}, {place})"


def _at(path: Sequence[str]) -> str:
    return ".".join(("input.predicate", *path))
