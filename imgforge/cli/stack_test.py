"""``imgforge stack test``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from imgforge.cli import options
from imgforge.console import Console, harmless
from imgforge.errors import GateError

EXAMPLES = """\
  imgforge stack test acme-web                  every test, on every engine that can build it
  imgforge stack test acme-web --only basic --engine native
  imgforge stack test acme-web --format json --quiet
"""


def arguments(out: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    from imgforge.engines import ENGINES

    out.add_argument("folder", type=Path, metavar="FOLDER", help="the stack's folder")
    options.flag(
        out,
        "--engine",
        action="append",
        choices=tuple(ENGINES),
        variable="IMGFORGE_STACK_TEST_ENGINE",
        help="build on this one; repeatable (default: all that can)",
    )
    options.flag(
        out,
        "--only",
        action="append",
        metavar="NAME",
        variable="IMGFORGE_STACK_TEST_ONLY",
        help="run this test; repeatable (default: all)",
    )
    options.flag(
        out,
        "--upgrade",
        action="store_true",
        variable="IMGFORGE_STACK_TEST_UPGRADE",
        help="resolve anew the bases that the tests' locks pin",
    )
    options.flag(out, "--no-cache", action="store_true", help="build everything again")
    options.offline(out)
    options.common(out, "text", "json")


def run(given: argparse.Namespace, console: Console) -> int:
    """Print how each test came out; exit with 10 if one failed."""
    from imgforge.workshop import found, testing

    how = testing.How(
        engines=tuple(dict.fromkeys(given.engine)),
        only=tuple(dict.fromkeys(given.only)),
        offline=given.offline,
        no_cache=given.no_cache,
        upgrade=given.upgrade,
    )
    outcomes = testing.run(given.folder, found.open_folder(given.folder), how, console)
    if given.format == "json":
        print(json.dumps([outcome.to_json() for outcome in outcomes], indent=2))
    else:
        print("\n".join(map(harmless, testing.lines(outcomes))))
    failed = [f"{o.test} {o.engine}".strip() for o in outcomes if o.failures]
    if failed:
        raise GateError(f"{given.folder}: {', '.join(failed)} failed")
    return 0
