"""``imgforge push``."""

from __future__ import annotations

import argparse
from pathlib import Path

from imgforge.cli import COMMANDS, options
from imgforge.console import Console

EXAMPLES = """\
  imgforge push --key imgforge.pub registry.example.com/acme/web
                                   the image that was built here, by the names it has
  imgforge push --key imgforge.pub ./layout registry.example.com/acme/web:1.0 ghcr.io/acme/web:1.0
  imgforge push --policy policy.toml staging.example.com/web@sha256:... prod.example.com/web:1.0
                                   from one registry to another, with its evidence
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("push", COMMANDS["push"], EXAMPLES)
    out.add_argument(
        "places",
        nargs="+",
        metavar="[IMAGE] REPOSITORY[:TAG]",
        help="where it goes; of several, the first is the image: project, OCI layout or reference",
    )
    options.flag(
        out,
        "--policy",
        type=Path,
        metavar="FILE",
        help="policy whose [[images]] say what the image must prove; other flags only add to it",
    )
    options.verification(out)
    options.flag(
        out,
        "--no-clobber",
        action="store_true",
        help="refuse to move a tag that names another image",
    )
    options.metadata(out)
    options.common(out, "text", "json")
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Verify, push, attach, tag; print the references by digest."""
    from imgforge import policy, promotion
    from imgforge.verify.inquiry import Inquiry

    image, goals = (given.places[0], given.places[1:]) if given.places[1:] else (".", given.places)
    asked = Inquiry(policy.effective(given.policy), options.asked(given))
    with console.step(f"push to {', '.join(goals)}") as say:
        pushed = promotion.promote(image, goals, asked, say=say, no_clobber=given.no_clobber)
    for each in pushed:
        for tag, before in each.moved.items():
            console.note(f"{each.repository}:{tag} named {before} before")
    value = {
        "reference": pushed[0].reference,
        "digest": pushed[0].digest,
        "image": image,
        "pushed": [each.to_json() for each in pushed],
    }
    options.answer(given, value, "\n".join(each.reference for each in pushed))
    return 0
