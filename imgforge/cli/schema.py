"""``imgforge schema``."""

from __future__ import annotations

import argparse
import json

from imgforge.cli import COMMANDS, options
from imgforge.console import Console

EXAMPLES = """\
  imgforge schema > imgforge.schema.json        for editors: completion and checking of specs
  imgforge schema --of policy > policy.schema.json
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("schema", COMMANDS["schema"], EXAMPLES)
    options.flag(
        out,
        "--of",
        choices=("spec", "policy"),
        default="spec",
        variable="IMGFORGE_SCHEMA_OF",
        help="imgforge.toml (default) or policy.toml",
    )
    options.common(out)
    return out


def run(given: argparse.Namespace, console: Console) -> int:  # noqa: ARG001 - every command's
    """Print the JSON Schema of a spec or a policy."""
    if given.of == "policy":
        from imgforge.policy import keys

        print(json.dumps(keys.json_schema(), indent=2))
        return 0
    from imgforge.spec import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0
