"""IF100: the Dockerfile cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.dockerfile.lines import Problem

RULE: Final = Rule(
    "IF100",
    Severity.HIGH,
    "The Dockerfile cannot be read",
    why=(
        "BuildKit would refuse this file, so nothing in it can be judged. A file that is not read "
        "has not passed: a scanner that skips what it does not understand is a way past it."
    ),
    remedy="Mend the line that is named; docker buildx build --check says the same.",
    example="""\
FROM debian:13
RUNN apt-get update
# better
FROM debian:13
RUN apt-get update
""",
    references=(
        "https://docs.docker.com/reference/dockerfile/",
        "hadolint DL1000",
        "hadolint DL3023",
        "Trivy DS-0006",
    ),
)


_MOST: Final = 20
"""Problems that are worth listing; what follows is mostly the same slip."""


def report(path: str, problems: tuple[Problem, ...]) -> Iterator[Finding]:
    """Make a finding of every problem that the parser has, the first ones if there are many."""
    for problem in problems[:_MOST]:
        yield RULE.finding(problem.message, path=path, line=problem.line, key=problem.message)
    if len(problems) > _MOST:
        message = f"there are {len(problems) - _MOST} more problems from here on"
        yield RULE.finding(message, path=path, line=problems[_MOST].line, key="more")
