"""``imgforge provenance``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.cli import COMMANDS, options
from imgforge.console import Console
from imgforge.errors import GateError, InvalidInputError

if TYPE_CHECKING:
    from imgforge.provenance.heard import Heard

EXAMPLES = """\
  imgforge provenance show                      of the image that was built here
  imgforge provenance show registry.example.com/acme/web:1.0 --key imgforge.pub
  imgforge provenance show ./layout --format json > predicate.json
  imgforge provenance verify registry.example.com/acme/web:1.0 --key imgforge.pub
"""

VERBS = {
    "show": "show from what an image was made, by whom and how",
    "verify": "verify it, and say whether the image could be made again from what it says",
}


def parser() -> argparse.ArgumentParser:
    """Return the command's parser, with one below it for each verb."""
    out = options.parser("provenance", COMMANDS["provenance"], EXAMPLES)
    verbs = out.add_subparsers(dest="verb", required=True, metavar="VERB", title="verbs")
    for verb, summary in VERBS.items():
        examples = [line for line in EXAMPLES.splitlines() if f" provenance {verb}" in line]
        settings = options.described(f"provenance {verb}", summary, "\n".join(examples))
        _arguments(verbs.add_parser(verb, help=summary, **settings))
    return out


def _arguments(out: argparse.ArgumentParser) -> None:
    options.image(out, "project, OCI layout or archive, or registry reference")
    about = "policy whose [[images]] say what is demanded; other flags only add to it"
    options.flag(out, "--policy", type=Path, metavar="FILE", help=about)
    options.verification(out)
    options.platform(out, "only of these of an index; repeatable (default: all)")
    options.flag(
        out, "--offline", action="store_true", help="ask nobody: open no socket, read only files"
    )
    options.common(out, "text", "json")


def heard(given: argparse.Namespace, console: Console, *, demanded: bool) -> list[Heard]:
    """Return the provenance of the image: proven if anything is demanded, else what is attached.

    With ``demanded`` something must be. Nobody proves what is merely attached, and it is said.
    """
    from imgforge import policy
    from imgforge.provenance import heard as hearing
    from imgforge.verify.inquiry import Inquiry

    held, flags = policy.effective(given.policy), options.asked(given)
    platforms = options.platforms(given.platform)
    with console.step(f"provenance of {given.image}") as say:
        if demanded or flags.demanding or held.images:
            asked = Inquiry(held, flags, platforms or None, given.offline)
            return hearing.proven(given.image, asked, say)
        return hearing.attached(given.image, platforms, say, offline=given.offline)


def run(given: argparse.Namespace, console: Console) -> int:
    """Print the provenance; of ``verify``, what pins the image, and exit with 10 if not all is."""
    return _show(given, console) if given.verb == "show" else _verify(given, console)


def _show(given: argparse.Namespace, console: Console) -> int:
    from imgforge.provenance import told
    from imgforge.report import provenance as report

    found = heard(given, console, demanded=False)
    if given.format == "json":
        if len(found) != 1:
            raise InvalidInputError(
                f"{given.image} has {len(found)} different provenances, and one is printed as JSON",
                hint="name the image with --platform, or who made it with --builder",
            )
        print(json.dumps(found[0].predicate, indent=2, sort_keys=True))
        return 0
    texts = (
        report.render(given.image, each, told.read(each.kind, each.predicate)) for each in found
    )
    print("\n".join(texts), end="")
    return 0


def _verify(given: argparse.Namespace, console: Console) -> int:
    from imgforge.provenance import complete, told
    from imgforge.report import provenance as report

    found = heard(given, console, demanded=True)
    judged = [(each, complete.points(told.read(each.kind, each.predicate))) for each in found]
    for each, points in judged:
        console.note(f"{each.digest}: proven by {each.signer}")
        if given.format == "text":
            print(report.verdict(points), end="")
    if given.format == "json":
        value = [
            {
                "digest": each.digest,
                "platform": None if each.platform is None else str(each.platform),
                "signer": each.signer,
                "complete": all(point.state != complete.OPEN for point in points),
                "points": [point._asdict() for point in points],
            }
            for each, points in judged
        ]
        print(json.dumps(value, indent=2))
    loose = [p for _, points in judged for p in points if p.state == complete.OPEN]
    if loose:
        raise GateError(
            f"{given.image} cannot be made again from what its provenance says",
            details=list(dict.fromkeys(f"{point.what}: {point.said}" for point in loose)),
            hint="build it from a clean commit; imgforge pins the rest",
        )
    return 0
