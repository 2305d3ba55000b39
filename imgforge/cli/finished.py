"""What the commands about finished images share: which image, and what was attached to it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from imgforge.cli import options

if TYPE_CHECKING:
    from imgforge.console import Console
    from imgforge.endorsement import Endorsed
    from imgforge.place import Place


def arguments(parser: argparse.ArgumentParser, *, many: bool) -> None:
    """Add what names a finished image that is to be signed, and how; with ``many``, several."""
    where = "project, OCI layout or registry reference"
    if many:
        parser.add_argument(
            "images", nargs="*", metavar="IMAGE", help=f"{where} (default: built here)"
        )
    else:
        options.image(parser, where)
    options.flag(
        parser,
        "--name",
        metavar="NAME",
        variable="IMGFORGE_IMAGE_NAME",
        help="the image's name in statements (default: the repository or the spec's name)",
    )
    options.flag(
        parser,
        "--no-recursive",
        action="store_true",
        help="of an index, only itself and not the images of its platforms",
    )
    options.flag(parser, "--offline", action="store_true", help="ask no registry and no service")
    options.epoch(parser)


def moment(given: argparse.Namespace) -> int:
    """Return the time that evidence is given: the one chosen (:func:`.options.epoch`), else now."""
    import time

    return int(time.time()) if given.epoch is None else int(given.epoch)


def announce(what: str, place: Place, console: Console) -> None:
    """Say what is about to be signed before it is: nobody may have looked at it yet."""
    platforms = ", ".join(str(p) for p in place.platforms)
    console.note(f"about to {what} {place.image.digest}" + (f" ({platforms})" if platforms else ""))


def endorsed(
    place: Place, signer: str, done: Sequence[Endorsed], console: Console
) -> dict[str, object]:
    """Say what was attached, and return it as JSON has it."""
    for each in done:
        how = "added" if each.added else "already there"
        console.note(f"{each.digest[:19]}: {each.kind} ({how})")
    console.note(f"signed by {signer}")
    reference = place.title if place.title.endswith(place.image.digest) else ""
    return {
        "reference": reference or f"{place.name}@{place.image.digest}",
        "digest": place.image.digest,
        "signer": signer,
        "attached": [
            {
                "digest": each.digest,
                "predicateType": each.kind,
                "referrer": each.referrer,
                "added": each.added,
            }
            for each in done
        ],
    }
