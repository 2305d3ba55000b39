"""``imgforge stack``: one small module per verb (``stack_publish`` and so on)."""

from __future__ import annotations

import argparse
import importlib

from imgforge.cli import COMMANDS, options
from imgforge.console import Console

EXAMPLES = """\
  imgforge stack publish acme-web --to registry.example.com/stacks --key stacks.key
  imgforge stack pull acme/acme-web@1.2.0 -o acme-web
"""

VERBS = {
    "publish": "sign a stack and put it into a catalog, as a new version",
    "pull": "take a catalog's stack home, verified, to read or to change it",
}
"""Verb → what it does; the module ``stack_VERB`` of this package has the rest."""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, with one below it for each verb."""
    out = options.parser("stack", COMMANDS["stack"], EXAMPLES)
    verbs = out.add_subparsers(dest="verb", required=True, metavar="VERB", title="verbs")
    for verb, summary in VERBS.items():
        module = importlib.import_module(f"imgforge.cli.stack_{verb}")
        settings = options.described(f"stack {verb}", summary, module.EXAMPLES)
        module.arguments(verbs.add_parser(verb, help=summary, **settings))
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Do what the verb says."""
    code: int = importlib.import_module(f"imgforge.cli.stack_{given.verb}").run(given, console)
    return code
