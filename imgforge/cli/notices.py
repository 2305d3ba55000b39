"""``imgforge notices``."""

from __future__ import annotations

import argparse

from imgforge.cli import COMMANDS, options
from imgforge.console import Console
from imgforge.errors import InvalidInputError

EXAMPLES = """\
  imgforge notices > NOTICE.txt                 of the image that was built here
  imgforge notices image.tar --format json --output notices.json
  imgforge notices registry.example.com/acme/web:1.0 --platform linux/arm64
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("notices", COMMANDS["notices"], EXAMPLES)
    options.image(out, "project, layout, archive, docker-daemon:NAME or registry reference")
    options.platform(out, "which image of an index")
    options.output(out, "notices")
    options.offline(out)
    options.common(out, "text", "json")
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Print every package with its licence, and each licence text that lies in the image."""
    from imgforge import cache, inventory, sources
    from imgforge.analysis import analyse
    from imgforge.console import Meter
    from imgforge.licences import notices
    from imgforge.report import notices as report

    wanted = options.platforms(given.platform)
    name = sources.parse(given.image)
    with (
        console.step("read the layers") as say,
        sources.open_source(name, say=say, offline=given.offline) as source,
    ):
        images = source.images(wanted, say)
        if len(images) != 1:
            fits = ", ".join(str(image.platform or image.digest) for image in images)
            raise InvalidInputError(
                f"{len(images)} images fit, notices are of one: {fits}",
                hint="name it with --platform",
            )
        store, meter = cache.directory("analysis"), Meter(say, "reading layers")
        facts = analyse(source.blobs, images[0], cache=store, whole=True, progress=meter.add)
        listed = inventory.of(facts)
        found = notices.collect(source.blobs, images[0], facts, listed, meter.add)
    render = report.as_json if given.format == "json" else report.render
    text = render(sources.title(name), found)
    options.put(given.output, text.encode())
    return 0
