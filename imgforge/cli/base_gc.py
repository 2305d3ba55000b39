"""``imgforge base gc``."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from imgforge.cli import options
from imgforge.console import Console

EXAMPLES = """\
  imgforge base gc --dry-run                    what could go, and how much that is
  imgforge base gc --older-than 7
"""


def arguments(out: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    options.flag(
        out,
        "--older-than",
        type=options.days,
        default=30,
        metavar="DAYS",
        help="free what was not used for so long (default: 30)",
    )
    options.flag(
        out,
        "--dry-run",
        action="store_true",
        variable="IMGFORGE_GC_DRY_RUN",
        help="only say what would be freed",
    )
    options.common(out, "text", "json")


def run(given: argparse.Namespace, console: Console) -> int:
    """Free what nothing used; print what that was."""
    from imgforge import collection

    with console.step("collect"):
        freed = collection.collect(given.older_than, dry_run=given.dry_run)
    if given.format == "json":
        print(json.dumps([asdict(each) for each in freed], indent=2))
        return 0
    for each in freed:
        print(f"{each.kind}: {each.entries} entries, {each.size / 1e6:.1f} MB")
    total = sum(each.size for each in freed)
    print(f"{'would free' if given.dry_run else 'freed'} {total / 1e6:.1f} MB")
    return 0
