"""``imgforge scan``."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.cli import COMMANDS, options, scan_attest
from imgforge.console import Console
from imgforge.errors import GateError, ImgforgeError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from imgforge.policy.bounds import Policy
    from imgforge.scanning import Request, Result
    from imgforge.vulnerabilities.baseline import Changes
    from imgforge.vulnerabilities.scan import Scanner

EXAMPLES = """\
  imgforge scan                                 the image that was built here
  imgforge scan sboms/ image.spdx.json --fail-on critical --only-fixed
  imgforge scan registry.example.com/acme/web:1.0 --key imgforge.pub    its attested SBOM
  imgforge scan --list images.txt --policy policy.toml --format json --output today.json
  imgforge scan --list images.txt --policy policy.toml --baseline yesterday.json
  imgforge scan image.tar --vex web.openvex.json --report trivy.json
  imgforge scan . --attest --sign-key imgforge.key
"""


def parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    from imgforge.severity import LEVELS

    out = options.parser("scan", COMMANDS["scan"], EXAMPLES)
    out.add_argument(
        "target",
        nargs="*",
        metavar="TARGET",
        help="SBOM, folder of SBOMs, project, OCI layout, archive or registry reference "
        "(default: built here)",
    )
    options.flag(
        out, "--list", metavar="FILE|-", help="also scan what this lists, one a line; - is stdin"
    )
    options.flag(out, "--db", type=Path, metavar="FILE", help="database of advisories")
    options.flag(out, "--policy", type=Path, metavar="FILE", help="policy that sets the gate")
    options.flag(
        out,
        "--fail-on",
        choices=LEVELS,
        help="fail at this level; with a policy only lower than its own",
    )
    options.flag(
        out,
        "--only-fixed",
        action="store_true",
        help="what nobody has mended yet does not fail; a policy may forbid that",
    )
    options.flag(
        out,
        "--vex",
        action="append",
        metavar="FILE",
        help="VEX document that is believed (OpenVEX, CycloneDX, CSAF); repeatable",
    )
    options.flag(
        out,
        "--report",
        action="append",
        metavar="FILE",
        help="JSON report of trivy or grype on the target, whose findings count too; repeatable",
    )
    options.flag(
        out,
        "--with",
        dest="scanners",
        action="append",
        choices=("trivy", "grype"),
        help="also run this scanner; repeatable",
    )
    options.flag(
        out, "--layers", action="store_true", help="read the layers, not an SBOM that is there"
    )
    options.platform(out, "scan only these of an index; repeatable (default: all)")
    _compared(out)
    options.verification(out)
    scan_attest.flags(out)
    options.output(out, "scan")
    options.offline(out)
    options.common(out, "text", "json", "sarif", "github", "vuln")
    return out


def _compared(out: argparse.ArgumentParser) -> None:
    options.flag(
        out,
        "--baseline",
        type=Path,
        metavar="FILE",
        help="earlier scan (--format json): say what is new and what is gone",
    )
    options.flag(
        out,
        "--since",
        type=_day,
        metavar="DATE",
        help="say what became public on or after that day",
    )


def run(given: argparse.Namespace, console: Console) -> int:
    """Print what was found; exit with 10 if it fails the gate."""
    from imgforge import policy as policies
    from imgforge import scanning
    from imgforge.vulnerabilities import baseline, contents

    held = policies.effective(given.policy)
    bounded = bool(policies.files(given.policy))
    policy = scanning.tightened(held, given.fail_on, only_fixed=given.only_fixed, bounded=bounded)
    wanted = contents.targets(given.target or ([] if given.list else ["."]), _listed(given.list))
    before = None if given.baseline is None else baseline.load(given.baseline)
    asked = _request(given, policy, wanted)
    with _scanner(policy, given, bounded=bounded) as scanner:
        with console.step(f"scan {len(wanted)} targets" if len(wanted) != 1 else "scan") as say:
            results, failed = scanning.scan(wanted, scanner, asked, say)
            if failed and not results:
                raise _unread(failed, results)
        changes: Changes | None = None
        if before is not None:
            changes = baseline.compared(before, results, str(given.baseline))
        elif given.since is not None:
            changes = baseline.since(given.since, results)
        if results:
            _print(given, results, scanner, failed, changes)
        if given.attest and not failed:
            scan_attest.attest(given, results[0], scanner, console)
    return _outcome(results, failed)


def _outcome(results: Sequence[Result], failed: Sequence[tuple[str, ImgforgeError]]) -> int:
    if failed:
        raise _unread(failed, results)
    bad = [result.target for result in results if not result.report.passed]
    if bad:
        shown = ", ".join(bad[:5]) + (f" and {len(bad) - 5} more" if len(bad) > 5 else "")  # noqa: PLR2004
        raise GateError(
            f"{shown} did not pass",
            hint="take mended versions, say by VEX why one does no harm, or let a policy accept it",
        )
    return 0


def _unread(
    failed: Sequence[tuple[str, ImgforgeError]], results: Sequence[Result]
) -> ImgforgeError:
    first = failed[0][1]
    if not results and len(failed) == 1:
        return first
    return type(first)(
        f"{len(failed)} of {len(failed) + len(results)} targets could not be scanned",
        details=[f"{name}: {error.message}" for name, error in failed],
        hint=first.hint,
    )


def _request(given: argparse.Namespace, policy: Policy, wanted: Sequence[str]) -> Request:
    from imgforge import inspection, scanning
    from imgforge import policy as policies
    from imgforge.vulnerabilities import adapters, contents

    if given.report and len(wanted) != 1:
        raise InvalidInputError(
            f"--report is about one image, and {len(wanted)} targets are named",
            hint="name the one that the report is about",
        )
    if given.attest or given.format == "vuln":
        if len(wanted) != 1:
            raise InvalidInputError("a predicate is about one target: name one")
        if given.attest and not (given.sign_key or given.keyless):
            raise InvalidInputError("--attest needs --sign-key or --keyless")
    return scanning.Request(
        contents.Reading(
            policy,
            options.asked(given),
            options.platforms(given.platform),
            given.layers,
            given.offline,
        ),
        inspection.digest_of(policies.files(given.policy)),
        tuple(dict.fromkeys(given.scanners)),
        tuple(adapters.load(Path(file)) for file in given.report),
    )


def _scanner(
    policy: Policy, given: argparse.Namespace, *, bounded: bool
) -> AbstractContextManager[Scanner]:
    from imgforge.vulnerabilities import scan

    return scan.demanded(
        policy,
        database=given.db,
        files=[Path(file) for file in given.vex],
        bounded=bounded,
        others=bool(given.report or given.scanners),
    )


def _listed(name: str | None) -> list[str]:
    from imgforge.vulnerabilities import contents

    if name is None:
        return []
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise InvalidInputError(f"{name} cannot be read: {error.strerror}") from error
    place = "stdin" if name == "-" else name
    found = contents.lines(data, place)
    if not found:
        raise InvalidInputError(
            f"the list {place} names nothing to scan",
            hint="an empty list would pass whatever there is: look at what should have written it",
        )
    return found


def _print(
    given: argparse.Namespace,
    results: Sequence[Result],
    scanner: Scanner,
    failed: Sequence[tuple[str, ImgforgeError]],
    changes: Changes | None,
) -> None:
    from imgforge.report import FORMATS, scan, scan_json, scan_predicate

    day, knowledge = scanner.policy.day, scanner.knowledge
    if given.format == "json":
        text = scan_json.render(results, day, knowledge, failed=failed, changes=changes)
    elif given.format == "vuln":
        text = scan_predicate.render(results, day, knowledge).decode()
    elif given.format == "text":
        colour = given.output is None and Console(sys.stdout).colour
        text = scan.render(results, changes, colour=colour)
    else:
        text = FORMATS[given.format](*(result.report for result in results))
    if given.output is None:
        print(text, end="")
    else:
        options.write(given.output, text.encode())


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInputError(f"{text!r} is no day", hint="such as 2030-01-31") from error
