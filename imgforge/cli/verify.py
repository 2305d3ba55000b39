"""``imgforge verify``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from imgforge.cli import COMMANDS, options
from imgforge.console import Console

EXAMPLES = """\
  imgforge verify --key imgforge.pub            the image that was built here
  imgforge verify --key imgforge.pub registry.example.com/acme/web:1.0
  imgforge verify --key imgforge.pub ./layout --require spdx --require provenance
"""
TYPES = ("spdx", "cyclonedx", "provenance", "findings")
SIGNATURE = "signature"


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("verify", COMMANDS["verify"], EXAMPLES)
    options.image(out, "project, OCI layout or registry reference")
    options.flag(
        out,
        "--key",
        type=Path,
        required=True,
        variable="IMGFORGE_PUBLIC_KEY",
        help="public key that must have signed",
    )
    options.flag(
        out,
        "--require",
        action="append",
        choices=(*TYPES, SIGNATURE),
        help="evidence that must be signed too; repeatable (default: all; signature: none)",
    )
    options.common(out, "text", "json")
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Print what was proven; exit with 5 and the first reason if it is not."""
    from imgforge import verify
    from imgforge.signing import load_public, statement

    kinds = {
        "spdx": statement.SPDX,
        "cyclonedx": statement.CYCLONEDX,
        "provenance": statement.PROVENANCE,
        "findings": statement.FINDINGS,
    }
    wanted = frozenset(kinds[n] for n in given.require or TYPES if n != SIGNATURE)
    key = load_public(given.key)
    with console.step("verify"):
        if options.is_local(given.image):
            layout, top = options.open_image(given.image)
            proven = verify.verify_layout(layout, top, key, require=wanted, deep=True)
        else:
            proven = verify.verify_registry(given.image, key, require=wanted)
    if given.format == "json":
        print(json.dumps(_json(proven), indent=2, sort_keys=True))
    else:
        console.note(f"signed by key {proven.key}")
        for one in (proven, *(p for _, p in proven.platforms)):
            for attestation in one.attestations:
                console.note(f"{one.digest[:19]}: {attestation.predicate_type}")
        print(proven.digest)
    return 0


def _json(proven: Any) -> dict[str, Any]:  # noqa: ANN401 - verify.Verified, loaded late
    return {
        "digest": proven.digest,
        "key": proven.key,
        "attestations": [
            {"predicateType": a.predicate_type, "bundle": a.bundle} for a in proven.attestations
        ],
        "platforms": {str(p): _json(v) for p, v in proven.platforms},
    }
