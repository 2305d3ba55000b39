"""``imgforge base``: one small module per verb (``base_list`` and so on)."""

from __future__ import annotations

import argparse
import importlib

from imgforge.cli import COMMANDS, options
from imgforge.console import Console

EXAMPLES = """\
  imgforge base list                            what can be had, and for how long
  imgforge base build python-3.13 --output ./python
  imgforge base publish python-3.13 registry.example.com/base/python:3.13 --key base.key
  imgforge base diff python-3.13 imgforge.lock  what an upgrade would bring
"""

VERBS = {
    "list": "list every base: of what, with which ABI, until when",
    "show": "show what a base holds and promises",
    "build": "make a base",
    "publish": "make, judge and sign a base, and push it to a registry",
    "diff": "show how two bases differ",
    "gc": "free what no build used for long",
}
"""Verb → what it does; the module ``base_VERB`` of this package has the rest."""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, with one below it for each verb."""
    out = options.parser("base", COMMANDS["base"], EXAMPLES)
    verbs = out.add_subparsers(dest="verb", required=True, metavar="VERB", title="verbs")
    for verb, summary in VERBS.items():
        module = importlib.import_module(f"imgforge.cli.base_{verb}")
        settings = options.described(f"base {verb}", summary, module.EXAMPLES)
        module.arguments(verbs.add_parser(verb, help=summary, **settings))
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Do what the verb says."""
    code: int = importlib.import_module(f"imgforge.cli.base_{given.verb}").run(given, console)
    return code
