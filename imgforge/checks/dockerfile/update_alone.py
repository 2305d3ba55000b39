"""IF141: package lists renewed alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.dockerfile.subject import Subject
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.installs import use
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF141",
    Severity.LOW,
    "Package lists are renewed in a step of their own",
    why=(
        "The step is cached, so later builds install from lists of some earlier day: "
        "updates that mend known flaws are not seen, or versions are asked for that are "
        "gone. An update and the installation that needs it belong into one step."
    ),
    remedy="Write both into one RUN: apt-get update && apt-get install ....",
    example="""\
RUN apt-get update
RUN apt-get install -y curl=8.14.1-2
# better
RUN apt-get update && apt-get install -y curl=8.14.1-2
""",
    references=("CIS Docker Benchmark 4.7", "Trivy DS-0017", "Dockle CIS-DI-0007"),
)


def check(subject: Subject, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find steps that only renew the lists of a package manager."""
    for run in subject.runs:
        if not run.built:
            continue
        uses = [(found, c) for c in run.commands() if (found := use(c)) is not None]
        renewing = {f.manager.name for f, _ in uses if f.installs or f.upgrades}
        for found, command in uses:
            if found.updates and found.manager.name not in renewing:
                name = found.manager.name
                message = (
                    f"RUN in {run.stage.title} renews the lists of {name} and installs nothing"
                )
                key = f"{run.stage.title}:{name}"
                yield RULE.finding(message, path=subject.path, line=run.line(command), key=key)
