"""``imgforge sbom diff``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from imgforge.cli import options
from imgforge.console import Console
from imgforge.errors import GateError, InvalidInputError


def run(given: argparse.Namespace, names: Sequence[str], console: Console) -> int:
    """Print what differs; exit with 0, or with 10 if anything does and that was asked for."""
    from imgforge.report import inventories
    from imgforge.sbom import compare, subject

    kind = given.format or "text"
    if len(names) != 2:  # noqa: PLR2004 - a pair
        raise InvalidInputError(
            f"a difference is of two, and {len(names)} are named", hint="imgforge sbom diff A B"
        )
    if kind not in {"text", "json", "markdown"}:
        raise InvalidInputError(f"--format {kind} is of one SBOM; a difference is text or json")
    if given.from_attestation:
        raise InvalidInputError(
            "--from-attestation is of one image",
            hint="write each into a file first: imgforge sbom IMAGE --from-attestation > FILE",
        )
    wanted = options.platforms(given.platform)
    with console.step("compare") as say:
        before, after = (
            subject.read(name, wanted, offline=given.offline, say=say) for name in names
        )
        found = compare.compare(before.inventory, after.inventory)
    if kind == "json":
        value = inventories.difference_value(found, before, after)
        text = json.dumps(value, indent=2, sort_keys=True) + "\n"
    else:
        shown = inventories.markdown if kind == "markdown" else inventories.difference
        text = shown(found, before, after)
    options.put(given.output, text.encode())
    return GateError.exit_code if found and given.exit_code else 0
