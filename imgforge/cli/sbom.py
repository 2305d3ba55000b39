"""``imgforge sbom``."""

from __future__ import annotations

import argparse
import sys

from imgforge.cli import COMMANDS, options
from imgforge.console import Console
from imgforge.errors import InvalidInputError

EXAMPLES = """\
  imgforge sbom > image.spdx.json               of the image that was built here
  imgforge sbom ./some-oci-layout --format cyclonedx
  imgforge sbom registry.example.com/acme/web:1.0 --platform linux/arm64
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("sbom", COMMANDS["sbom"], EXAMPLES)
    options.image(out, "project, layout, archive, docker-daemon:NAME or registry reference")
    options.flag(out, "--platform", metavar="OS/ARCH", help="which image of an index")
    options.offline(out)
    options.common(out, "spdx", "cyclonedx")
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Print one SBOM of what is in the layers."""
    from imgforge import cache, inventory, sources
    from imgforge.analysis import analyse
    from imgforge.sbom import cyclonedx, spdx

    wanted = options.platforms([given.platform] if given.platform else [])
    name = sources.parse(given.image)
    with (
        console.step("read the layers") as say,
        sources.open_source(name, say=say, offline=given.offline) as source,
    ):
        images = source.images(wanted, say)
        if len(images) != 1:
            raise InvalidInputError(
                f"{len(images)} images fit, an SBOM is of one", hint="name it with --platform"
            )
        facts = analyse(source.blobs, images[0], cache=cache.directory("analysis"), whole=True)
    render = spdx.render if given.format == "spdx" else cyclonedx.render
    called, created = sources.title(name), options.created(facts.config)
    sys.stdout.buffer.write(render(inventory.of(facts), name=called, created=created))
    return 0
