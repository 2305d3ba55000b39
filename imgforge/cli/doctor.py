"""``imgforge doctor``."""

from __future__ import annotations

import argparse
import json

from imgforge.cli import COMMANDS, options
from imgforge.console import Console
from imgforge.errors import ToolMissingError

EXAMPLES = """\
  imgforge doctor                               what works here, what is missing and what to do
  imgforge doctor --format json
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("doctor", COMMANDS["doctor"], EXAMPLES)
    options.common(out, "text", "json")
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Print what was found; exit with 3 if not even the native engine can work."""
    from imgforge import doctor

    found = doctor.examine()
    if given.format == "json":
        print(json.dumps([f.to_json() for f in found], indent=2))
    else:
        for fact in found:
            mark = console.paint("ok", "32") if fact.ok else console.paint("no", "33")
            print(f"{mark:>3}  {fact.name}: {fact.detail}")
            if not fact.ok and fact.hint:
                print(f"     hint: {fact.hint}")
    broken = [fact.name for fact in found if fact.needed and not fact.ok]
    if broken:
        raise ToolMissingError(f"not in order: {', '.join(broken)}")
    return 0
