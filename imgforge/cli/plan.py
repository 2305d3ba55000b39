"""``imgforge plan``."""

from __future__ import annotations

import argparse

from imgforge.cli import COMMANDS, options
from imgforge.console import Console

EXAMPLES = """\
  imgforge plan                                 the plan as JSON; engines on stderr
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
    """Print the plan; say on stderr which engines can serve it and why others can't."""
    from imgforge import compiled, engines
    from imgforge.files import locate

    plan = compiled.load(locate(given.path), epoch=given.epoch).plan
    print(plan.text(), end="")
    if not given.quiet:
        for name, reason in engines.survey(plan).items():
            console.note(f"engine {name}: {reason or 'can build this'}")
    return 0
