"""``imgforge schema``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from imgforge.cli import COMMANDS, options
from imgforge.console import Console

EXAMPLES = """\
  imgforge schema > imgforge.schema.json        for editors: completion and checking of specs
  imgforge schema --of policy > policy.schema.json
  imgforge schema --of findings                 what imgforge check --format json prints
  imgforge schema --of verification             what imgforge verify --format json prints
  imgforge schema --of scan                     what imgforge scan --format json prints
  imgforge schema --of inventory                what imgforge sbom --format json prints
  imgforge schema --of difference               likewise sbom diff
  imgforge schema --of provenance               likewise provenance verify
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


def _listed(name: str) -> dict[str, Any]:
    from imgforge.report import schemas

    found: dict[str, Any] = getattr(schemas, name)()
    return found


SCHEMAS: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "spec": _spec,
    "policy": _policy,
    "findings": _findings,
    "verification": _verification,
    "scan": _scan,
    "inventory": partial(_listed, "inventory"),
    "difference": partial(_listed, "difference"),
    "notices": partial(_listed, "notices"),
    "provenance": partial(_listed, "provenance"),
    "rebuild": partial(_listed, "rebuild"),
    "database": partial(_listed, "database"),
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
        help="imgforge.toml (default), policy.toml, or what a command prints with --format json: "
        "check (findings), verify (verification), scan, sbom (inventory), sbom diff (difference), "
        "notices, provenance verify, rebuild, db status (database)",
    )
    options.common(out)
    return out


def run(given: argparse.Namespace, console: Console) -> int:  # noqa: ARG001 - every command's
    """Print a JSON Schema."""
    print(json.dumps(SCHEMAS[given.of](), indent=2))
    return 0
