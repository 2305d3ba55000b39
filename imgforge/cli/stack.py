"""``imgforge stack``: one small module per verb (``stack_list`` and so on)."""

from __future__ import annotations

import argparse
import importlib

from imgforge.cli import COMMANDS, options
from imgforge.console import Console

EXAMPLES = """\
  imgforge stack list                           what can be named in [stack]
  imgforge stack show python                    what it offers, and a spec to begin with
  imgforge stack new acme-web && imgforge stack lint acme-web && imgforge stack test acme-web
  imgforge stack diff old/acme-web acme-web     what a new version changes for its users
  imgforge stack who ~/repositories             who uses which stack, and who is behind
  imgforge stack publish acme-web --to registry.example.com/stacks --key stacks.key
  imgforge stack pull acme/acme-web@1.2.0 -o acme-web
"""

VERBS = {
    "list": "list every stack that a spec can name",
    "show": "show what a stack offers, and a spec to begin with",
    "new": "make a folder with a stack of one's own, its tests and its papers",
    "diff": "show what a new version of a stack changes",
    "who": "say which spec uses which stack and bases, and who is behind",
    "test": "build the tests of a stack on a real engine and try what comes out",
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
