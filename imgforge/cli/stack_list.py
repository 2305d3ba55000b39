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
    from imgforge.catalogs import BUILTIN, choosing
    from imgforge.report import table

    rows: list[dict[str, Any]] = []
    for offered in choosing.listing():
        row: dict[str, Any] = {
            "name": offered.name,
            "version": " ".join(offered.versions) or None,
            "runtimes": [],
            "catalog": offered.catalog,
            "source": offered.source,
            "summary": None,
        }
        found = None
        if offered.catalog == BUILTIN:
            found = stack.load(offered.name)
        elif offered.source == "directory":
            catalog = next(c for c in choosing.configured() if c.name == offered.catalog)
            found = choosing.directory(catalog, offered.name)[0]
        if found is not None:
            default = found.definition.default
            row["runtimes"] = [default, *(v for v in found.definition.versions if v != default)]
            row["summary"] = found.definition.summary
        rows.append(row)
    if given.format == "json":
        print(json.dumps(rows, indent=2))
        return 0
    head = ("stack", "version", "runtimes", "catalog", "summary")
    lines = [
        (
            row["name"],
            row["version"] or "?",
            " ".join(row["runtimes"]) or "?",
            row["catalog"],
            row["summary"] or f"imgforge stack show {row['catalog']}/{row['name']} asks for it",
        )
        for row in rows
    ]
    print(table.render(head, lines), end="")
    return 0
