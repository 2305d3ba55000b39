"""``imgforge stack publish``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import get_args

from imgforge.cli import options
from imgforge.console import Console
from imgforge.errors import GateError, InvalidInputError
from imgforge.severity import Level

EXAMPLES = """\
  imgforge stack publish acme-web --to registry.example.com/stacks --key stacks.key
                                   as registry.example.com/stacks/acme-web:1.2.0
  imgforge stack publish acme-web --to registry.example.com/stacks --keyless
  imgforge stack publish acme-web --to /srv/stacks
                                   into a directory, which has one version of each stack
"""


def arguments(out: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    out.add_argument("folder", type=Path, metavar="FOLDER", help="the stack's folder")
    options.flag(
        out,
        "--to",
        required=True,
        metavar="REGISTRY/PREFIX|DIR",
        variable="IMGFORGE_STACK_TO",
        help="the catalog: what stands before stacks' names in a registry, or a directory",
    )
    options.flag(
        out,
        "--fail-on",
        choices=get_args(Level),
        default="medium",
        help="refuse what imgforge stack lint finds from this severity on (default: medium)",
    )
    options.signing(out)
    options.common(out, "text", "json")


def run(given: argparse.Namespace, console: Console) -> int:
    """Read and judge the stack, sign it, put it there; print where it is."""
    from imgforge.catalogs import publication
    from imgforge.signing import choice

    asked = options.sign_with(given)
    found = publication.read(given.folder)
    title = f"{found.stack.definition.name} {found.version}"
    here = publication.is_directory(given.to)
    if here and asked.anything:
        raise InvalidInputError(
            "a directory's stacks are not signed: who may write there decides",
            hint="leave the key out, or publish to a registry",
        )
    prefix = "" if here else publication.prefix(given.to)
    if not here and not asked.anything:
        raise InvalidInputError(
            "a registry's stacks are signed, and no key is given",
            hint="give --key FILE (imgforge key generate) or --keyless",
        )
    _lint(given, console)
    if here:
        with console.step(f"publish {title}") as say:
            done = publication.into_directory(found, Path(given.to).expanduser(), say=say)
    else:
        sealer = choice.begin(asked, console.note)
        with console.step(f"publish {title}") as say:
            done = publication.into_registry(found, prefix, sealer(), say=say)
    if not done.new:
        console.note(f"{title} was there already, and is the same")
    print(json.dumps(done.to_json(), indent=2) if given.format == "json" else done.place)
    return 0


def _lint(given: argparse.Namespace, console: Console) -> None:
    from imgforge.policy.bounds import Policy
    from imgforge.report import text
    from imgforge.workshop import linting

    with console.step(f"lint {given.folder}") as say:
        report = linting.lint(given.folder, Policy(fail_on=given.fail_on), say)
    if report.findings:
        console.text(text.render(report, colour=console.colour))
    if not report.passed:
        raise GateError(
            f"{given.folder} did not pass, and was not published",
            hint="mend what is found; imgforge explain ID says more of a rule",
        )
