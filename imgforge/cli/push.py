"""``imgforge push``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.cli import COMMANDS, options
from imgforge.console import Console

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imgforge.publish import Pushed, Terms
    from imgforge.signing.signatory import Signatory

EXAMPLES = """\
  imgforge push --key imgforge.pub registry.example.com/acme/web
                                      the image that was built here, by the names it has
  imgforge push --key imgforge.pub ./layout registry.example.com/acme/web:1.0 ghcr.io/acme/web:1.0
  imgforge push --key imgforge.pub staging.example.com/web@sha256:... prod.example.com/web:1.0
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
        "--key",
        type=Path,
        variable="IMGFORGE_PUBLIC_KEY",
        help="public key that must have signed",
    )
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
    from imgforge.publish import Terms

    image, goals = (given.places[0], given.places[1:]) if given.places[1:] else (".", given.places)
    terms = Terms(_signatories(given), others=True)
    with console.step(f"push to {', '.join(goals)}") as say:
        pushed = _push(image, goals, terms, say, no_clobber=given.no_clobber)
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


def _push(
    image: str,
    goals: Sequence[str],
    terms: Terms,
    say: Callable[[str], None],
    *,
    no_clobber: bool,
) -> tuple[Pushed, ...]:
    from imgforge import promotion, publish, verify
    from imgforge.oci.reference import Reference

    if not options.is_local(image):
        source = Reference.parse(image)
        return promotion.promote(source, goals, terms, say=say, no_clobber=no_clobber)
    layout, top = options.open_image(image)
    targets = publish.targets(goals, publish.names(layout, top))
    verify.verify_blobs(layout, top)
    shipment = publish.of_layout(layout, top)
    return publish.publish(shipment, targets, terms, say=say, no_clobber=no_clobber)


def _signatories(given: argparse.Namespace) -> tuple[Signatory, ...]:
    from imgforge.signing import load_public
    from imgforge.signing.signatory import ByKey

    return (ByKey(load_public(given.key)),)
