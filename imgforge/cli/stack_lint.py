"""``imgforge stack lint``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import get_args

from imgforge.cli import options
from imgforge.console import Console
from imgforge.errors import GateError

EXAMPLES = """\
  imgforge stack lint acme-web                  every rule, every variant: exit 10 on findings
  imgforge stack lint stacks/* --fail-on low
  imgforge stack lint acme-web --format sarif > findings.sarif
"""


def arguments(out: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    from imgforge.severity import Level

    out.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="a stack's folder")
    options.flag(
        out,
        "--fail-on",
        choices=get_args(Level),
        default="medium",
        help="exit with 10 from this severity on (default: medium)",
    )
    options.common(out, "text", "json", "sarif", "github")


def run(given: argparse.Namespace, console: Console) -> int:
    """Print what is wrong; exit with 10 if it reaches the gate."""
    from imgforge.policy.bounds import Policy
    from imgforge.report import FORMATS, text
    from imgforge.workshop import linting

    reports = []
    for folder in given.folders:
        with console.step(f"lint {folder}") as say:
            reports.append(linting.lint(folder, Policy(fail_on=given.fail_on), say))
    if given.format == "text":
        print(text.render(*reports, colour=Console(sys.stdout).colour), end="")
    else:
        print(FORMATS[given.format](*reports), end="")
    failed = [report.subject for report in reports if not report.passed]
    if failed:
        raise GateError(
            f"{', '.join(failed)} did not pass", hint="imgforge explain ID says more of a rule"
        )
    return 0
