"""``imgforge base list``."""

from __future__ import annotations

import argparse
import datetime as dt
import json

from imgforge.cli import options
from imgforge.console import Console

EXAMPLES = """\
  imgforge base list
  imgforge base list --format json | jq -r '.[] | select(.state != "supported") | .name'
"""


def arguments(out: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    options.common(out, "text", "json")


def run(given: argparse.Namespace, console: Console) -> int:
    """Print the bases; warn of those near or past their end of life."""
    from imgforge.bases import catalogue

    today = dt.datetime.now(dt.UTC).date()
    rows = list(catalogue.rows())
    for row in rows:
        if row.state(today) != "supported":
            ends = "ended" if row.state(today) == "ended" else "ends"
            console.warn(f"security support of {row.name} {ends} on {row.end_of_life}")
    if given.format == "json":
        print(json.dumps([row.to_json(today) for row in rows], indent=2))
        return 0
    head = ("base", "suite", "abi", "end of life", "shell", "source", "for")
    table = [
        (r.name, r.suite, r.abi, str(r.end_of_life), _shell(r.shell), r.source, r.summary)
        for r in rows
    ]
    widths = [max(len(line[i]) for line in (head, *table)) for i in range(len(head) - 1)]
    for line in (head, *table):
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
        print("  ".join([*cells, line[-1]]))
    return 0


def _shell(there: bool) -> str:  # noqa: FBT001 - one word of a table
    return "yes" if there else "no"
