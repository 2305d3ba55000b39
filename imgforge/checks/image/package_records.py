"""IF045: a package database entry is broken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.problems import findings
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF045",
    Severity.MEDIUM,
    "A package record cannot be read",
    why="The bill of materials is made from the records that package managers leave. A record"
    " that cannot be read is a package that no list has: scanners find none of its"
    " weaknesses, and nobody learns that it must be updated.",
    remedy="Install the package again; the SBOM lacks it.",
    example="""\
# Faulty: the record is thrown away to save room.
RUN pip install flask && rm -r /usr/lib/python3/*/flask-*.dist-info

# Cured: the record stays with its package.
RUN pip install flask
""",
    references=(
        "https://packaging.python.org/en/latest/specifications/core-metadata/",
        "Debian policy 5.1",
    ),
)

_KINDS: Final = frozenset({"record"})


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find records of packages that the SBOM therefore lacks."""
    return findings(image, RULE, _KINDS)
