"""``imgforge stack show``."""

from __future__ import annotations

import argparse
import json

from imgforge.cli import options
from imgforge.console import Console, harmless

EXAMPLES = """\
  imgforge stack show python                    versions, parameters, stages, blocks, bases
  imgforge stack show ./acme-web                a folder of one's own
  imgforge stack show python --format json | jq -r .spec > imgforge.toml
"""


def arguments(out: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    out.add_argument("stack", metavar="STACK", help="[CATALOG/]NAME[@VERSION], or a folder")
    options.common(out, "text", "json")


def run(given: argparse.Namespace, console: Console) -> int:
    """Print what the stack offers."""
    from imgforge.workshop import described, found

    with (
        console.step(f"open {given.stack}") as say,
        found.opened(given.stack, say) as (stack, _, catalog),
    ):
        value = {**described.describe(stack), "catalog": catalog or None}
    if given.format == "json":
        print(json.dumps(value, indent=2))
    else:
        print("\n".join(map(harmless, described.lines(value))))
    return 0
