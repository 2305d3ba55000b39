"""``imgforge stack pull``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from imgforge.cli import options
from imgforge.console import Console

EXAMPLES = """\
  imgforge stack pull acme-web                  the newest version, into ./acme-web
  imgforge stack pull acme/acme-web@1.2.0 -o old/acme-web
  imgforge stack pull acme-web@^1               the newest below 2
"""


def arguments(out: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    out.add_argument(
        "name",
        metavar="[CATALOG/]NAME[@VERSION|REF]",
        help="the stack; a version, or a range such as ^1.2 (default: the newest), or a ref of git",
    )
    options.flag(
        out,
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        variable="IMGFORGE_STACK_OUTPUT",
        help="the folder to make, which must not be there (default: NAME, here)",
    )
    options.common(out, "text", "json")


def run(given: argparse.Namespace, console: Console) -> int:
    """Verify the stack, then write its files; print the folder."""
    from imgforge.catalogs import publication, taking

    wanted = taking.wanted(given.name)
    target = given.output or Path(wanted.name)
    with console.step(f"pull {given.name}") as say:
        opened, files = taking.take(wanted, say=say)
        publication.take_home(files, target)
    pin = opened.pin
    console.note(f"stack {pin}" + (f" ({pin.trust})" if pin.trust else ""))
    value = {
        "folder": str(target),
        "name": pin.name,
        "version": pin.version,
        "catalog": pin.catalog,
        "digest": opened.stack.digest,
        "revision": pin.revision or None,
        "trust": pin.trust or None,
    }
    print(json.dumps(value, indent=2) if given.format == "json" else target)
    return 0
