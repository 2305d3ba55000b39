"""``imgforge outdated``."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from imgforge.cli import COMMANDS, options
from imgforge.console import Console
from imgforge.errors import GateError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgforge.outdated import StackState, State

EXAMPLES = """\
  imgforge outdated                             what waits for ./imgforge.toml: exit 10 if anything
  imgforge outdated services/web --fail-on security --fail-on eol
  imgforge outdated --within 180 --format json
"""

COUNTED = ("any", "security", "eol")


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("outdated", COMMANDS["outdated"], EXAMPLES)
    options.project(out)
    options.flag(
        out,
        "--fail-on",
        action="append",
        choices=COUNTED,
        variable="IMGFORGE_OUTDATED_FAIL_ON",
        help="what makes the exit code 10: any (default), security updates, support that ends; "
        "repeatable",
    )
    options.flag(
        out,
        "--within",
        type=_days,
        default=90,
        metavar="DAYS",
        help="count a base from so many days before its end of life (default: 90)",
    )
    options.common(out, "text", "json")
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Print what waits for stack and bases; exit with 10 if something that counts does."""
    import datetime as dt

    from imgforge import outdated, project

    with console.step("read archives, registries and catalogs") as say:
        today = dt.datetime.now(dt.UTC).date()
        loaded = project.load(given.path)
        states = outdated.examine(loaded, within=given.within, today=today, say=say)
        stack = outdated.examine_stack(loaded, say=say)
    if given.format == "json":
        bases = [state.to_json() for state in states]
        print(json.dumps({"stack": stack.to_json() if stack else None, "bases": bases}, indent=2))
    else:
        if stack is not None:
            _print_stack(stack)
        _print(states)
    counted = set(given.fail_on or ["any"])
    failing = [s for s in states if s.kinds & counted]
    late = [f"stack {s.held}" for s in (stack,) if s is not None and s.kinds & counted]
    if failing or late:
        raise GateError(
            f"{', '.join([*late, *(f'{s.role} {s.name}' for s in failing)])}: behind",
            hint="name a base with longer support"
            if not late and not any(s.stale or s.moved or s.changes for s in failing)
            else f"take what is there: imgforge lock {given.path} --upgrade",
        )
    return 0


def _print_stack(stack: StackState) -> None:
    newest = f"{stack.newest.version} is there" if stack.kinds else "up to date"
    print(f"stack {stack.held}: {newest}")
    for line in stack.lines():
        print(f"  {line}")


def _print(states: Sequence[State]) -> None:
    for state in states:
        print(f"{state.role} {state.name}: {_summary(state)}")
        for line in state.lines():
            print(f"  {line}")


def _summary(state: State) -> str:
    updates, found = len(state.changes.packages), []
    if updates:
        security = f", {state.changes.security} for security" if state.changes.security else ""
        found.append(f"{updates} package change{'s' * (updates != 1)}{security}")
    if state.moved:
        found.append("another image under its tag")
    if state.stale:
        found.append("no longer what it was locked as")
    if state.near:
        found.append("support ends")
    return ", ".join(found) or ("changes" if state.kinds else "up to date")


def _days(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 5:  # noqa: PLR2004 - centuries
        raise InvalidInputError(f"--within {text!r}: not a number of days")
    return int(text)
