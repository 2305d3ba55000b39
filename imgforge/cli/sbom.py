"""``imgforge sbom``."""

from __future__ import annotations

import argparse
import sys

from imgforge.cli import COMMANDS, options
from imgforge.console import Console
from imgforge.errors import InvalidInputError
from imgforge.oci.types import Platform

EXAMPLES = """\
  imgforge sbom > image.spdx.json               of the image that was built here
  imgforge sbom ./some-oci-layout --format cyclonedx
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("sbom", COMMANDS["sbom"], EXAMPLES)
    options.image(out)
    options.flag(out, "--platform", metavar="OS/ARCH", help="which image of an index")
    options.common(out, "spdx", "cyclonedx")
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Print one SBOM of what is in the layers."""
    from imgforge import cache
    from imgforge.analysis import analyse
    from imgforge.sbom import cyclonedx, spdx

    layout, top = options.open_image(given.image)
    images = layout.images(top)
    if given.platform:
        try:
            wanted = Platform.parse(given.platform)
        except ValueError as error:
            raise InvalidInputError(f"--platform: {error}", hint="such as linux/arm64") from error
        images = [i for i in images if i.platform == wanted]
    if len(images) != 1:
        raise InvalidInputError(
            f"{len(images)} images fit, an SBOM is of one", hint="name it with --platform"
        )
    with console.step("read the layers"):
        facts = analyse(layout, images[0], cache=cache.directory("analysis"))
    render = spdx.render if given.format == "spdx" else cyclonedx.render
    name = options.image_name(given.image)
    sys.stdout.buffer.write(render(facts, name=name, created=options.created(facts.config)))
    return 0
