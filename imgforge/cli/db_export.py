"""``imgforge db export``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from imgforge.cli import db_import, options
from imgforge.console import Console

EXAMPLES = """\
  imgforge db export advisories.zst             prints the digest that an import can demand
  imgforge db import --sha256 DIGEST advisories.zst     there
"""


def arguments(out: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    out.add_argument("file", type=Path, metavar="FILE", help="what to write")
    db_import.database(out)
    options.common(out, "text", "json")


def run(given: argparse.Namespace, console: Console) -> int:
    """Write the file; print its digest."""
    from imgforge.advisories.database import open_database
    from imgforge.advisories.exported import export

    with open_database(given.db) as database, console.step("export advisories") as say:
        digest = export(database, given.file, say)
        identity = database.identity
    if given.format == "json":
        print(json.dumps({"file": str(given.file), "sha256": digest, "digest": identity}, indent=2))
    else:
        print(digest)
    return 0
