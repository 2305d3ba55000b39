"""``imgforge base diff``."""

from __future__ import annotations

import argparse
import json

from imgforge.cli import options
from imgforge.console import Console
from imgforge.errors import GateError

EXAMPLES = """\
  imgforge base diff python-3.13 imgforge.lock  what is in the cache against what is locked
  imgforge base diff old/imgforge.lock#builder imgforge.lock#builder
  imgforge base diff cc registry.example.com/base/cc@sha256:… --platform linux/arm64
  imgforge base diff ./one-layout ./other-layout --exit-code --format json
"""


def arguments(out: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    about = "name, lock (#runtime or #builder), OCI layout, or REPOSITORY@sha256:…"
    out.add_argument("left", metavar="A", help=about)
    out.add_argument("right", metavar="B", help="likewise")
    options.platform(out, "compare these only; repeatable (default: all that both have)")
    options.flag(out, "--exit-code", action="store_true", help="exit with 10 if they differ")
    options.common(out, "text", "json")


def run(given: argparse.Namespace, console: Console) -> int:
    """Print the differences; exit with 0, or with 10 if there are some and that was asked for."""
    from imgforge.bases import difference, named
    from imgforge.report import difference as report

    wanted = options.platforms(given.platform)
    with console.step("compare") as say:
        left, right = (named.find(name, wanted, say=say) for name in (given.left, given.right))
        before, after = (named.images(base, wanted) for base in (left, right))
        found = {
            p: difference.compare(before[p], left.layout, after[p], right.layout)
            for p in sorted(before.keys() & after.keys())
        }
    alone = {
        base: sorted(map(str, images.keys() - found.keys()))
        for base, images in (("left", before), ("right", after))
    }
    if given.format == "json":
        value = {
            "left": left.reference,
            "right": right.reference,
            "onlyIn": alone,
            "platforms": {str(platform): each.to_json() for platform, each in found.items()},
        }
        print(json.dumps(value, indent=2, sort_keys=True))
    else:
        for side, platforms in alone.items():
            if platforms:
                print(f"only the {side} one has {', '.join(platforms)}")
        print(report.render(found), end="")
    same = all(each.same for each in found.values()) and not any(alone.values())
    return 0 if same or not given.exit_code else GateError.exit_code
