"""``imgforge stack list``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from imgforge.cli import options
from imgforge.console import Console

EXAMPLES = """\
  imgforge stack list
  imgforge stack list --format json | jq -r '.[].name'
"""


def arguments(out: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    options.common(out, "text", "json")


def run(given: argparse.Namespace, console: Console) -> int:  # noqa: ARG001 - every command's
    """Print the stacks."""
    from imgforge import stack
    from imgforge.report import table
    from imgforge.workshop.found import OWN

    rows: list[dict[str, Any]] = []
    for name in stack.names():
        definition = stack.load(name).definition
        default = definition.default
        rows.append(
            {
                "name": name,
                "version": definition.version,
                "runtimes": [default, *(v for v in definition.versions if v != default)],
                "from": OWN,
                "summary": definition.summary,
            }
        )
    if given.format == "json":
        print(json.dumps(rows, indent=2))
        return 0
    head = ("stack", "version", "runtimes", "from", "summary")
    lines = [
        (r["name"], r["version"], " ".join(r["runtimes"]), r["from"], r["summary"]) for r in rows
    ]
    print(table.render(head, lines), end="")
    return 0
