"""``imgforge render``."""

from __future__ import annotations

import argparse

from imgforge.cli import COMMANDS, options
from imgforge.console import Console

EXAMPLES = """\
  imgforge render                               the Dockerfile of ./imgforge.toml
  imgforge render services/web | hadolint -
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("render", COMMANDS["render"], EXAMPLES)
    options.project(out)
    options.epoch(out)
    options.common(out)
    return out


def run(given: argparse.Namespace, console: Console) -> int:  # noqa: ARG001 - every command's
    """Print the Dockerfile that an engine with RUN would build."""
    from imgforge import compiled
    from imgforge.files import locate

    print(compiled.load(locate(given.path), epoch=given.epoch).dockerfile, end="")
    return 0
