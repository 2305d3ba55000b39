"""``imgforge base show``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from imgforge.cli import options
from imgforge.console import Console

EXAMPLES = """\
  imgforge base show python-3.13                the definition, and the image in the cache if any
  imgforge base show cc-bookworm --lock imgforge.lock --format json
"""


def arguments(out: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    out.add_argument("name", metavar="NAME", help="a base, as imgforge base list names it")
    options.flag(
        out, "--lock", type=Path, metavar="FILE", help="show what this lock pins of the base"
    )
    options.common(out, "text", "json")


def run(given: argparse.Namespace, console: Console) -> int:
    """Print the definition, what a lock pins, and what the image in the cache holds."""
    from imgforge import bases
    from imgforge.bases import catalogue, named, pinned

    value = catalogue.describe(given.name)
    if given.lock:
        base = pinned.read(given.lock, given.name)
        value["locked"] = catalogue.locked(base)
        image = named.of_lock(base, say=console.note) if bases.held(base.digest) else None
    else:
        image = named.cached(given.name)
    if image is not None:
        with console.step("read the layers"):
            value["image"] = catalogue.held(image.top.digest, named.images(image))
    else:
        console.note(f"{given.name} is not in the cache: imgforge base build makes it")
    if given.format == "json":
        print(json.dumps(value, indent=2, sort_keys=True))
    else:
        print("\n".join(_lines(value)))
    return 0


def _lines(value: dict[str, Any], indent: str = "") -> list[str]:
    lines = []
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            lines += [f"{indent}{key}:", *_lines(inner, indent + "  ")]
        elif isinstance(inner, list):
            lines.append(f"{indent}{key}: {', '.join(map(str, inner)) or 'none'}")
        else:
            lines.append(f"{indent}{key}: {inner if inner not in ('', {}) else 'none'}")
    return lines
