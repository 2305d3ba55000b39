"""IF204: packages that are malware."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.checks.vulnerabilities import told
from imgforge.policy.bounds import Policy
from imgforge.vulnerabilities import judging
from imgforge.vulnerabilities.scanned import Scanned

RULE: Final = Rule(
    "IF204",
    Severity.CRITICAL,
    "A package is malware",
    why="The package itself was published to do harm: a misspelt name, a stolen account, a version "
    "with something added. It has no mended version to wait for, and what it does it may have done "
    "already, when it was installed.",
    remedy="Take it out, and treat what ran it as compromised.",
    example="""\
# requirements.txt misspells a package, and somebody waited for that:
reqeusts==1.0.0

# Cure: the right name; and new credentials for the machine that installed it.
requests==2.32.4""",
    references=("CWE-506", "CWE-1357"),
)


def check(scanned: Scanned, policy: Policy) -> Iterator[Finding]:
    """Yield each package that an advisory calls malicious; no VEX statement excuses one."""
    mine = [one for one in scanned.found if one.malicious]
    for verdict in judging.judge(mine, policy):
        yield told.finding(RULE, verdict)
