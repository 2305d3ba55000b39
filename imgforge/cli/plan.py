"""``imgforge plan``."""

from __future__ import annotations

import argparse

from imgforge.cli import COMMANDS, options
from imgforge.console import Console

EXAMPLES = """\
  imgforge plan                                 the plan as JSON; changes and engines on stderr
  imgforge plan services/web | jq .runtime
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("plan", COMMANDS["plan"], EXAMPLES)
    options.project(out)
    options.epoch(out)
    options.common(out)
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Print the plan; say on stderr what the spec changed, and which engines can serve it."""
    from imgforge import compiled, engines
    from imgforge.files import locate

    plan = compiled.load(locate(given.path), epoch=given.epoch).plan
    print(plan.text(), end="")
    if not given.quiet:
        if plan.origin is not None:
            console.note(f"stack {plan.stack} is from the catalog {plan.origin.catalog}")
        for change in plan.changes:
            console.note(f"the spec changed: {change}")
        for name, reason in engines.survey(plan).items():
            console.note(f"engine {name}: {reason or 'can build this'}")
    return 0
