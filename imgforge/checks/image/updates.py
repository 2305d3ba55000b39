"""IF057: steps that install whatever there is on the day."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.commands import every
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.history import Step, steps
from imgforge.checks.installs import SIGNED, Use, use
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF057",
    Severity.MEDIUM,
    "A step installs whatever version there is",
    why="The same Dockerfile then gives another image tomorrow: nobody can say which version was"
    " tested, and a package that was taken over last night is in the next build. A step that only"
    " fetches package lists is kept by the cache, and later installs take packages that have been"
    " withdrawn since.",
    remedy="Pin versions (imgforge lock does), and update and install in one step.",
    example="RUN apt-get update\nRUN apt-get install -y curl\n\nRUN apt-get update && apt-get"
    " install -y curl=8.14.1-2",
    references=(
        "CIS Docker Benchmark 4.7",
        "hadolint DL3005, DL3008, DL3013, DL3016, DL3018, DL3028, DL3033 and DL3062",
        "Trivy DS-0017 and DS-0024",
        "Dockle CIS-DI-0007 and DKL-DI-0003",
    ),
)

_SHOWN: Final = 6


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Read every RUN of the history: no versions, lists fetched alone, upgrades of everything.

    Registries that anybody publishes to are medium, a release's signed archives low, as the rest.
    """
    for step in steps(image):
        uses = [found for command in every(step.commands()) if (found := use(command)) is not None]
        renewing = {found.manager.name for found in uses if found.installs or found.upgrades}
        for found in uses:
            yield from _judge(step, found, renewing)


def _judge(step: Step, found: Use, renewing: set[str]) -> Iterator[Finding]:
    tool, loose = found.manager.name, found.unpinned()
    if loose:
        more = f" and {len(loose) - _SHOWN} more" if len(loose) > _SHOWN else ""
        said = f"{', '.join(loose[:_SHOWN])}{more}"
        message = f"history step {step.number} installs {said} without a version ({tool})"
        severity = Severity.LOW if tool in SIGNED else Severity.MEDIUM
        yield RULE.finding(message, key=f"{tool}:{' '.join(sorted(loose))}", severity=severity)
    if found.updates and tool not in renewing:
        message = f"history step {step.number} fetches the lists of {tool} and installs nothing"
        yield RULE.finding(message, key=f"update:{tool}", severity=Severity.LOW)
    if found.upgrades:
        message = f"history step {step.number} exchanges every package ({tool} {found.verb})"
        yield RULE.finding(message, key=f"upgrade:{tool}", severity=Severity.LOW)
