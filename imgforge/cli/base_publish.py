"""``imgforge base publish``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from imgforge.cli import options
from imgforge.console import Console

if TYPE_CHECKING:
    from imgforge.report.subject import Report

EXAMPLES = """\
  imgforge base publish python-3.13 registry.example.com/base/python:3.13 --key base.key
  imgforge base publish python-3.13-dev registry.example.com/base/python-dev:3.13 --key base.key \\
    --lock base.lock --policy policy.toml
  imgforge base publish static registry.example.com/base/static:13 --keyless
"""


def arguments(out: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    options.base(out)
    out.add_argument("target", nargs="+", metavar="REPOSITORY[:TAG]", help="where it goes")
    options.signing(out)
    options.flag(out, "--policy", type=Path, metavar="FILE", help="policy that sets the gate")
    options.metadata(out)
    options.common(out, "text", "json")


def run(given: argparse.Namespace, console: Console) -> int:
    """Make, judge, sign, push and tag; print the reference by digest."""
    from imgforge import policy, publish
    from imgforge.bases import pinned, publication
    from imgforge.report import text
    from imgforge.signing import choice

    def report(found: Report) -> None:
        if found.findings:
            console.text(text.render(found, colour=console.colour))

    goals = publish.targets(given.target, ())
    bounds = policy.effective(given.policy)
    sealer = choice.begin(options.sign_with(given), console.note)
    with console.step(f"base {given.name}") as say:
        base = pinned.pin(
            given.name,
            options.platforms(given.platform),
            tuple(given.package),
            lock=given.lock,
            offline=given.offline,
            policy=bounds,
            say=say,
        )
        judged = publication.judge(base, bounds, offline=given.offline, report=report, say=say)
    with console.step("publish") as say:
        pushed = publication.send(judged, goals, sealer(), say=say)
    value = {
        "reference": pushed[0].reference,
        "digest": base.digest,
        "pushed": [each.to_json() for each in pushed],
        "platforms": {str(p.platform): p.digest for p in base.platforms},
        "findings": [finding.to_json() for finding in judged.findings],
    }
    options.answer(given, value, "\n".join(each.reference for each in pushed))
    return 0
