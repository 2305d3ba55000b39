"""``imgforge stack new``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from imgforge.cli import options
from imgforge.console import Console
from imgforge.errors import InvalidInputError

EXAMPLES = """\
  imgforge stack new acme-web                   a small stack that is whole: change it
  imgforge stack new stacks/acme-py --from python
  imgforge stack new acme-web && imgforge stack lint acme-web && imgforge stack test acme-web
"""


def arguments(out: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    out.add_argument(
        "folder", type=Path, metavar="FOLDER", help="to be made; its last part names the stack"
    )
    options.flag(
        out,
        "--from",
        dest="origin",
        metavar="STACK",
        variable="IMGFORGE_STACK_FROM",
        help="begin with a copy of this stack (name or folder)",
    )
    options.common(out, "text", "json")


def run(given: argparse.Namespace, console: Console) -> int:
    """Write the folder; print its path."""
    from imgforge.workshop import found, scaffold

    origin = None
    if given.origin is not None:
        stack, folder = found.open_stack(given.origin), found.folder_of(given.origin)
        if folder is None:
            raise InvalidInputError(
                f"{given.origin} lies in no folder here", hint="imgforge stack pull takes it home"
            )
        origin = (stack, folder)
    tests = scaffold.create(given.folder, origin)
    if not tests:
        console.warn(f"{given.origin} has no tests here: write {given.folder}/tests/basic")
    console.note(f"judge it: imgforge stack lint {given.folder}")
    console.note(f"try it: imgforge stack test {given.folder}")
    if given.format == "json":
        value = {"folder": str(given.folder), "name": given.folder.resolve().name, "tests": tests}
        print(json.dumps(value, indent=2))
    else:
        print(given.folder)
    return 0
