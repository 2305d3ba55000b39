"""``imgforge stack diff``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from imgforge.cli import options
from imgforge.console import Console, harmless
from imgforge.errors import GateError

EXAMPLES = """\
  imgforge stack diff old/acme-web acme-web     with the Dockerfiles of the new one's tests
  imgforge stack diff old/acme-web acme-web --spec services/web --spec services/api
  imgforge stack diff acme-web@1.2.0 acme-web@1.3.0 --exit-code --format json
  imgforge stack diff shared/acme-job@v1.0.0 shared/acme-job@main      two refs of a git catalog
"""


def arguments(out: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    out.add_argument("old", metavar="OLD", help="[CATALOG/]NAME[@VERSION|REF], or a folder")
    out.add_argument("new", metavar="NEW", help="likewise")
    options.flag(
        out,
        "--spec",
        action="append",
        metavar="FOLDER",
        variable="IMGFORGE_STACK_DIFF_SPEC",
        help="show the Dockerfiles of this spec; repeatable (default: of NEW's tests)",
    )
    options.flag(out, "--exit-code", action="store_true", help="exit with 10 if they differ")
    options.common(out, "text", "json")


def run(given: argparse.Namespace, console: Console) -> int:
    """Print the differences; exit with 0, or with 10 if there are some and that was asked for."""
    from imgforge.workshop import difference, found, tests

    named = difference.specs([Path(path) for path in given.spec])
    with (
        console.step("compare") as say,
        found.opened(given.old, say) as (old, _, before),
        found.opened(given.new, say) as (new, folder, after),
    ):
        specs = named or tests.of(folder)
        if not specs:
            say("there is no spec to render with: name one with --spec")
        # A folder beside a catalog's stack is what that catalog shall have next.
        origin = difference.origin_of(after or before)
        result = difference.compare(old, new, specs, folder, origin)
    if given.format == "json":
        print(json.dumps(result.to_json(), indent=2))
    else:
        print("\n".join(map(harmless, difference.lines(result))))
    return 0 if result.same or not given.exit_code else GateError.exit_code
