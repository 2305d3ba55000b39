"""``imgforge check``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import get_args

from imgforge.cli import COMMANDS, options
from imgforge.console import Console
from imgforge.errors import GateError

EXAMPLES = """\
  imgforge check                                judge the image that was built here
  imgforge check registry.example.com/acme/web:1.0 --profile cis
  imgforge check image.tar docker-daemon:acme/web Dockerfile
  imgforge check ./layout --spec imgforge.toml --format sarif --output findings.sarif
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    from imgforge.severity import Level

    out = options.parser("check", COMMANDS["check"], EXAMPLES)
    out.add_argument(
        "what",
        nargs="*",
        default=["."],
        metavar="WHAT",
        help="project, OCI layout, archive of either kind, Dockerfile or registry reference; "
        "or exactly: oci:, oci-archive:, docker-archive:, docker-daemon:, docker://, dockerfile: "
        "(default: built here)",
    )
    options.platform(out, "judge only these of an index; repeatable (default: all)")
    options.flag(out, "--policy", type=Path, metavar="FILE", help="policy that sets the gate")
    options.flag(
        out,
        "--fail-on",
        choices=get_args(Level),
        help="fail at this severity already; only lower than the policy's",
    )
    options.flag(
        out,
        "--profile",
        choices=("cis", "twelve", "restricted"),
        help="also say, and fail by, each practice of a benchmark",
    )
    options.flag(out, "--db", type=Path, metavar="FILE", help="database of advisories")
    options.flag(
        out,
        "--vex",
        action="append",
        metavar="FILE",
        help="VEX document that is believed (OpenVEX, CycloneDX, CSAF); repeatable",
    )
    options.flag(
        out, "--spec", type=Path, metavar="FILE", help="also compare with what this spec says"
    )
    options.output(out, "check")
    options.flag(out, "--no-cache", action="store_true", help="read every layer anew")
    options.offline(out)
    options.common(out, "text", "json", "sarif", "github")
    return out


def run(given: argparse.Namespace, console: Console) -> int:
    """Print the findings; exit with 10 if they reach the gate."""
    from imgforge import inspection, policy, sources
    from imgforge.checks.profiles import PROFILES
    from imgforge.report import FORMATS, text

    asked = inspection.Request(
        policy=inspection.tightened(policy.effective(given.policy), given.fail_on),
        policy_digest=inspection.digest_of(policy.files(given.policy)),
        platforms=options.platforms(given.platform),
        profile=PROFILES[given.profile] if given.profile else None,
        spec=given.spec,
        offline=given.offline,
        anew=given.no_cache,
        database=given.db,
        vex=tuple(Path(file) for file in given.vex),
        bounded=bool(policy.files(given.policy)),
    )
    for what in given.what:
        sources.parse(what)  # a slip in the last name is told before the first is read
    reports = []
    for what in given.what:
        with console.step(f"check {what}") as say:
            reports.append(inspection.inspect(what, asked, say))
    if given.output is not None:
        options.write(given.output, FORMATS[given.format](*reports).encode())
    elif given.format == "text":
        print(text.render(*reports, colour=Console(sys.stdout).colour), end="")
    else:
        print(FORMATS[given.format](*reports), end="")
    failed = [report.subject for report in reports if not report.passed]
    if failed:
        where = f"what {given.output} lists" if given.output else "what was found"
        raise GateError(
            f"{', '.join(failed)} did not pass", hint=f"mend {where}, or let a policy accept it"
        )
    return 0
