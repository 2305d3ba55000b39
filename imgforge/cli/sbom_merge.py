"""``imgforge sbom merge``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from imgforge.cli import options
from imgforge.console import Console
from imgforge.errors import InvalidInputError


def run(given: argparse.Namespace, names: Sequence[str], console: Console) -> int:
    """Print several SBOMs as one."""
    from imgforge.sbom import merge, subject

    kind = given.format or "spdx"
    if not names:
        raise InvalidInputError("no SBOM is named", hint="imgforge sbom merge FILE FILE …")
    if kind not in merge.FORMATS:
        raise InvalidInputError(f"--format {kind}: SBOMs are merged into spdx or cyclonedx")
    if not given.name:
        raise InvalidInputError(
            "the whole has no name", hint="--name acme/shop: what the images are parts of"
        )
    with console.step("merge") as say:
        listed = []
        for name in names:
            say(name)
            listed.append(merge.of(*subject.whole(Path(name))))
    data = merge.render(
        listed, kind, name=given.name, version=given.version or "", created=given.epoch
    )
    options.put(given.output, data)
    return 0
