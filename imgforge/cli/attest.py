"""``imgforge attest``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from imgforge.cli import COMMANDS, finished, options
from imgforge.console import Console

EXAMPLES = """\
  imgforge attest --type vuln --predicate report.json --key imgforge.key
  imgforge attest registry.example.com/acme/web:1.0 --type spdx --predicate sbom.json --keyless
  imgforge attest ./layout --type https://example.com/review/v1 --predicate review.json \\
    --key imgforge.key
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("attest", COMMANDS["attest"], EXAMPLES)
    finished.arguments(out, many=False)
    options.flag(
        out,
        "--type",
        required=True,
        metavar="TYPE",
        help="spdx, cyclonedx, provenance, findings, vuln, or a predicate type's URI",
    )
    options.flag(
        out,
        "--predicate",
        type=Path,
        required=True,
        metavar="FILE",
        help="JSON that is attested: the predicate, not a whole statement",
    )
    options.signing(out)
    options.common(out, "text", "json")
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Attest a predicate of the image; print its reference, or what was attached as JSON."""
    from imgforge import endorsement
    from imgforge.place import open_place
    from imgforge.signing import choice, predicate

    kind = predicate.type_of(given.type)
    data = predicate.read(kind, given.predicate)
    opened = choice.begin(options.sign_with(given), console.note)
    with open_place(given.image, called=given.name, offline=given.offline) as place:
        finished.announce("attest", place, console)
        sealer = opened()
        with console.step(f"attest {place.title}"):
            done = endorsement.attest(
                place,
                sealer,
                kind,
                data,
                finished.moment(given),
                recursive=not given.no_recursive,
            )
        answer = finished.endorsed(place, str(sealer), done, console)
    print(
        json.dumps(answer, indent=2, sort_keys=True)
        if given.format == "json"
        else answer["reference"]
    )
    return 0
