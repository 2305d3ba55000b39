"""``imgforge log``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from imgforge.cli import COMMANDS, finished, options
from imgforge.console import Console

EXAMPLES = """\
  imgforge log --key imgforge.pub                           what was built and signed here
  imgforge log --key imgforge.pub registry.example.com/acme/web:1.0
  imgforge log --key imgforge.pub ./layout --timestamp --trust-config sigstore.json
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("log", COMMANDS["log"], EXAMPLES)
    options.image(out, "project, OCI layout or registry reference")
    options.flag(
        out,
        "--key",
        required=True,
        metavar="FILE|URI",
        variable="IMGFORGE_PUBLIC_KEY",
        help="public key whose bundles are meant; others are left as they are",
    )
    options.flag(
        out, "--timestamp", action="store_true", help="have them timestamped (RFC 3161), too"
    )
    options.flag(
        out, "--no-log", action="store_true", help="enter nothing: with --timestamp, only that"
    )
    options.flag(
        out,
        "--trust-config",
        type=Path,
        metavar="FILE",
        variable="IMGFORGE_SIGSTORE_TRUST_CONFIG",
        help="ClientTrustConfig of a private Sigstore (default: the settings', else the public)",
    )
    options.common(out, "text", "json")
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Have the log and authorities bear witness to what a key signed without them."""
    from imgforge import endorsement
    from imgforge.errors import InvalidInputError
    from imgforge.place import open_place
    from imgforge.signing import choice
    from imgforge.signing.named import public_of

    if given.no_log and not given.timestamp:
        raise InvalidInputError("--no-log without --timestamp leaves nothing to do")
    public = public_of(given.key)
    asked = choice.SignWith(
        key=given.key,
        trust_config=given.trust_config,
        log=not given.no_log,
        timestamp=given.timestamp,
    )
    witnessed = choice.open_witnessed(asked, public)
    with open_place(given.image) as place:
        with console.step(f"log {place.title}"):
            done = endorsement.witness(place, witnessed)
        answer = finished.endorsed(place, f"the key {public.fingerprint}", done, console)
    print(
        json.dumps(answer, indent=2, sort_keys=True)
        if given.format == "json"
        else answer["reference"]
    )
    return 0
