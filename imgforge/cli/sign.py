"""``imgforge sign``."""

from __future__ import annotations

import argparse
import json

from imgforge.cli import COMMANDS, finished, options
from imgforge.console import Console

EXAMPLES = """\
  imgforge sign --key imgforge.key                          the image that was built here
  imgforge sign --key imgforge.key registry.example.com/acme/web:1.0
  imgforge sign --keyless registry.example.com/acme/web:1.0 registry.example.com/acme/job:1.0
  imgforge sign --key imgforge.key ./layout --name registry.example.com/acme/web
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("sign", COMMANDS["sign"], EXAMPLES)
    finished.arguments(out, many=True)
    options.signing(out)
    options.common(out, "text", "json")
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Sign each image; print each reference by digest, or what was attached as JSON."""
    from imgforge import endorsement
    from imgforge.place import open_place
    from imgforge.signing import choice

    opened = choice.begin(options.sign_with(given), console.note)
    answers = []
    for name in given.images or ["."]:
        with open_place(name, called=given.name, offline=given.offline) as place:
            finished.announce("sign", place, console)
            sealer = opened()
            with console.step(f"sign {place.title}"):
                done = endorsement.sign(
                    place, sealer, finished.moment(given), recursive=not given.no_recursive
                )
            answers.append(finished.endorsed(place, str(sealer), done, console))
    if given.format == "json":
        print(json.dumps(answers, indent=2, sort_keys=True))
    else:
        print("\n".join(str(answer["reference"]) for answer in answers))
    return 0
