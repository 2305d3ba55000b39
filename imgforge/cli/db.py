"""``imgforge db``: one small module per verb (``db_import`` and so on)."""

from __future__ import annotations

import argparse
import importlib

from imgforge.cli import COMMANDS, options
from imgforge.console import Console

EXAMPLES = """\
  imgforge db import all.zip                    advisories from an OSV dump
  imgforge db update                            all sources that the settings name
  imgforge db status                            what there is, and how old it is
  imgforge db export advisories.zst             for a place without a network
"""

VERBS = {
    "import": "bring advisories into the database",
    "update": "import every source of the settings that has changed",
    "status": "say what the database has, and how old that is",
    "export": "write the whole database into one file",
}
"""Verb → what it does; the module ``db_VERB`` of this package has the rest."""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, with one below it for each verb."""
    out = options.parser("db", COMMANDS["db"], EXAMPLES)
    verbs = out.add_subparsers(dest="verb", required=True, metavar="VERB", title="verbs")
    for verb, summary in VERBS.items():
        module = importlib.import_module(f"imgforge.cli.db_{verb}")
        settings = options.described(f"db {verb}", summary, module.EXAMPLES)
        module.arguments(verbs.add_parser(verb, help=summary, **settings))
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Do what the verb says."""
    code: int = importlib.import_module(f"imgforge.cli.db_{given.verb}").run(given, console)
    return code
