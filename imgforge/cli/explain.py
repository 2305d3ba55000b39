"""``imgforge explain``."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Final

from imgforge.cli import COMMANDS, options
from imgforge.console import Console
from imgforge.errors import InvalidInputError

EXAMPLES = """\
  imgforge explain                              every rule, by group
  imgforge explain IF012                        why it matters, an example, how to mend it
  imgforge explain DL3002                       which of our rules does what hadolint's does
  imgforge explain credentials                  a group of rules
  imgforge explain cis                          a profile: its practices, what decides them
"""
COMPLETER: Final = "_imgforge_topics"
"""The shell function that completes topics (:mod:`imgforge.cli.completion`)."""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("explain", COMMANDS["explain"], EXAMPLES)
    topic = out.add_argument(
        "topic", nargs="?", help="a rule, another tool's rule, a group or a profile (default: all)"
    )
    words = f"({' '.join(topics())})"
    topic.complete = {"bash": COMPLETER, "zsh": words, "tcsh": words}  # type: ignore[attr-defined]
    options.common(out, "text", "json")
    return out


def topics() -> list[str]:
    """Return what can be asked for: ids of rules, groups that have any, profiles."""
    from imgforge.checks import profiles
    from imgforge.checks.rules import RULES
    from imgforge.report import explanation

    groups = [group.name for group in explanation.GROUPS if group.rules(RULES)]
    return [*(rule.id for rule in RULES), *groups, *profiles.PROFILES]


def run(given: argparse.Namespace, console: Console) -> int:  # noqa: ARG001 - every command's
    """Print what there is to say; exit with 2 and the nearest topics if there is nothing."""
    from imgforge.checks import profiles
    from imgforge.checks.rules import RULES
    from imgforge.report import explanation

    if given.topic in profiles.PROFILES:
        profile = profiles.PROFILES[given.topic]
        write = explanation.profile_json if given.format == "json" else explanation.profile_text
        print(write(profile), end="")
        return 0
    found = list(RULES) if given.topic is None else explanation.find(given.topic, RULES)
    if not found:
        raise _unknown(given.topic)
    if given.format == "json":
        print(explanation.as_json(found), end="")
    elif given.topic is None:
        print(explanation.overview(found), end="")
    else:
        print("\n".join(explanation.text(rule, bold=_bold()) for rule in found), end="")
    return 0


def _bold() -> bool:
    # Console knows about stderr; what is explained goes to stdout.
    plain = os.environ.get("TERM") == "dumb" or os.environ.get("NO_COLOR")
    return sys.stdout.isatty() and not plain


def _unknown(topic: str) -> InvalidInputError:
    import difflib
    import re

    from imgforge.dockerfile import hadolint

    if re.fullmatch(r"(?:DL|SC)[0-9]{4}", topic, re.IGNORECASE):
        return InvalidInputError(
            f"none of our rules does what {topic} does",
            hint=f"hadolint has it: {hadolint.page(topic.upper())}",
        )
    short = re.fullmatch(r"IF([0-9]{1,2})", topic, re.IGNORECASE)
    known = {name.casefold(): name for name in topics()}
    wanted = f"if{short[1]:0>3}" if short else topic.casefold()
    near = difflib.get_close_matches(wanted, known, len(known), 0.5)
    # All ids look alike; those that begin alike are meant.
    near = sorted(near, key=lambda name: (-_alike(name, wanted), name))[:3]
    hint = f"did you mean {' or '.join(known[name] for name in near)}?" if near else None
    return InvalidInputError(
        f"there is no rule, group or profile {topic!r}",
        hint=hint or "imgforge explain lists all rules",
    )


def _alike(one: str, other: str) -> int:
    """Return with how many equal letters two words begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
