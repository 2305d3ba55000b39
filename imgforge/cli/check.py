"""``imgforge check``."""

from __future__ import annotations

import argparse
from pathlib import Path

from imgforge.cli import COMMANDS, options
from imgforge.console import Console
from imgforge.errors import GateError

EXAMPLES = """\
  imgforge check                                judge the image that was built here
  imgforge check ./some-oci-layout --policy policy.toml
  imgforge check --format sarif > findings.sarif
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("check", COMMANDS["check"], EXAMPLES)
    options.image(out)
    options.flag(out, "--policy", type=Path, metavar="FILE", help="policy that sets the gate")
    options.common(out, "text", "json", "sarif", "github")
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Print the findings; exit with 10 if they reach the gate."""
    from imgforge import cache, checks, policy
    from imgforge.analysis import analyse
    from imgforge.report import FORMATS, subject

    layout, top = options.open_image(given.image)
    bounds = policy.effective(given.policy).about(options.image_name(given.image))
    images = []
    with console.step("analyse and check"):
        for image in layout.images(top):
            facts = analyse(layout, image, cache=cache.directory("analysis"))
            images.append((facts, checks.run(facts, bounds)))
    report = subject.of(given.image, bounds, images=images, digest=top.digest)
    print(FORMATS[given.format](report), end="")
    if not report.passed:
        raise GateError(f"{top.digest} has findings at or above {bounds.fail_on}")
    return 0
