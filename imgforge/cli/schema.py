"""``imgforge schema``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any, Final

from imgforge.cli import COMMANDS, options
from imgforge.console import Console

EXAMPLES = """\
  imgforge schema > imgforge.schema.json        for editors: completion and checking of specs
  imgforge schema --of policy > policy.schema.json
  imgforge schema --of findings                 what imgforge check --format json prints
  imgforge schema --of verification             what imgforge verify --format json prints
  imgforge schema --of scan                     what imgforge scan --format json prints
"""


def _spec() -> dict[str, Any]:
    from imgforge.spec import json_schema

    return json_schema()


def _policy() -> dict[str, Any]:
    from imgforge.policy.schema import json_schema

    return json_schema()


def _findings() -> dict[str, Any]:
    from imgforge.report.as_json import json_schema

    return json_schema()


def _verification() -> dict[str, Any]:
    from imgforge.verify.answer import json_schema

    return json_schema()


def _scan() -> dict[str, Any]:
    from imgforge.report.scan_json import json_schema

    return json_schema()


SCHEMAS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "spec": _spec,
    "policy": _policy,
    "findings": _findings,
    "verification": _verification,
    "scan": _scan,
}
"""What there are schemas of, and where each comes from."""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    out = options.parser("schema", COMMANDS["schema"], EXAMPLES)
    options.flag(
        out,
        "--of",
        choices=tuple(SCHEMAS),
        default="spec",
        variable="IMGFORGE_SCHEMA_OF",
        help="imgforge.toml (default), policy.toml, or what check, verify or scan prints",
    )
    options.common(out)
    return out


def run(given: argparse.Namespace, console: Console) -> int:  # noqa: ARG001 - every command's
    """Print a JSON Schema."""
    print(json.dumps(SCHEMAS[given.of](), indent=2))
    return 0
