"""``imgforge base build``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from imgforge.cli import options
from imgforge.console import Console

EXAMPLES = """\
  imgforge base build python-3.13               for linux/amd64 and linux/arm64, into the cache
  imgforge base build cc-bookworm --platform linux/arm64 --output ./cc
  imgforge base build base --package libpq5 --lock base.lock
"""


def arguments(out: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    options.base(out)
    options.flag(
        out,
        "--output",
        type=Path,
        metavar="DIR",
        variable="IMGFORGE_BASE_OUTPUT",
        help="write an OCI layout there",
    )
    options.flag(
        out, "--policy", type=Path, metavar="FILE", help="policy that says which bases are trusted"
    )
    options.common(out, "text", "json")


def run(given: argparse.Namespace, console: Console) -> int:
    """Make the base; print its reference by digest."""
    from imgforge import policy
    from imgforge.bases import cached, named, pinned

    bounds = policy.effective(given.policy)
    with console.step(f"base {given.name}") as say:
        base = pinned.pin(
            given.name,
            options.platforms(given.platform),
            tuple(given.package),
            lock=given.lock,
            offline=given.offline,
            policy=bounds,
            say=say,
        )
        image = named.of_lock(base, offline=given.offline, say=say)
    if given.output:
        cached.write_out(image.layout, image.top, given.output)
        console.note(f"OCI layout: {given.output}")
    if given.format == "json":
        value = {
            "reference": image.reference,
            "digest": base.digest,
            "platforms": {str(p.platform): p.digest for p in base.platforms},
            "output": str(given.output) if given.output else None,
        }
        print(json.dumps(value, indent=2, sort_keys=True))
    else:
        print(image.reference)
    return 0
