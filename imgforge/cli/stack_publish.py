"""``imgforge stack publish``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from imgforge.cli import options
from imgforge.console import Console
from imgforge.errors import InvalidInputError

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
    options.signing(out)
    options.common(out, "text", "json")


def run(given: argparse.Namespace, console: Console) -> int:
    """Read and judge the stack, sign it, put it there; print where it is."""
    from imgforge.catalogs import publication
    from imgforge.signing import choice

    asked = options.sign_with(given)
    found = publication.read(given.folder)
    title = f"{found.stack.definition.name} {found.version}"
    if publication.is_directory(given.to):
        if asked.anything:
            raise InvalidInputError(
                "a directory's stacks are not signed: who may write there decides",
                hint="leave the key out, or publish to a registry",
            )
        with console.step(f"publish {title}") as say:
            done = publication.into_directory(found, Path(given.to).expanduser(), say=say)
    else:
        prefix = publication.prefix(given.to)
        if not asked.anything:
            raise InvalidInputError(
                "a registry's stacks are signed, and no key is given",
                hint="give --key FILE (imgforge key generate) or --keyless",
            )
        sealer = choice.begin(asked, console.note)
        with console.step(f"publish {title}") as say:
            done = publication.into_registry(found, prefix, sealer(), say=say)
    if not done.new:
        console.note(f"{title} was there already, and is the same")
    print(json.dumps(done.to_json(), indent=2) if given.format == "json" else done.place)
    return 0
