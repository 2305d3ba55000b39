"""IF057: steps that install whatever there is on the day."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.history import steps
from imgforge.checks.installs import unpinned, updates_alone, upgrades
from imgforge.checks.rule import Rule
from imgforge.policy import Policy

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
    """Read every RUN of the history: no versions (medium), update alone and upgrades (low)."""
    for step in steps(image):
        commands = step.commands()
        for tool, names in unpinned(commands):
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            said = f"{', '.join(names[:_SHOWN])}{more}"
            message = f"history step {step.number} installs {said} without a version ({tool})"
            yield RULE.finding(message, key=f"{tool}:{' '.join(sorted(names))}")
        if updates_alone(commands):
            message = f"history step {step.number} fetches package lists and installs nothing"
            yield RULE.finding(message, key="update", severity=Severity.LOW)
        for command in upgrades(commands):
            message = f"history step {step.number} exchanges every package ({command})"
            yield RULE.finding(message, key=command, severity=Severity.LOW)
