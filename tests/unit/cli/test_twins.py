"""A variable that stands for a flag means the same in every command that has it."""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Iterator

from imgforge.cli import COMMANDS

SHARED = {"IMGFORGE_FORMAT"}
"""What each command offers choices of its own for."""


def flags(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from flags(below)
        elif action.option_strings and action.dest != "help":
            yield action


def test_each_flag_has_one_and_each_has_one_meaning() -> None:
    meanings: dict[str, set[object]] = {}
    for command in COMMANDS:
        for action in flags(importlib.import_module(f"imgforge.cli.{command}").parser()):
            found = re.search(r"\[([A-Z0-9_]+)\]$", action.help or "")
            assert found, f"imgforge {command} {action.option_strings[0]} has no variable"
            what = (
                type(action).__name__,
                action.option_strings[-1],
                tuple(action.choices or ()),
                str(action.metavar or "FILE").removesuffix("|URI"),
            )
            meanings.setdefault(found[1], set()).add(what)
    twice = {key: each for key, each in meanings.items() if len(each) > 1 and key not in SHARED}
    assert not twice
