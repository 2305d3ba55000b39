"""IF211: a package whose licence nobody can tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.inventory import Inventory
from imgforge.licences import judged
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF211",
    Severity.HIGH,
    "The licence of a package is not known",
    why="What has no licence may not be passed on at all, and what calls its licence by a name of "
    "its own may mean anything. Where a policy lists what is allowed, a package of which nobody can"
    " tell whether it is on the list is not on it (high); where it only lists what is denied, it "
    "may be (medium).",
    remedy="Ask the package's author for an SPDX expression in its metadata, read its licence and "
    "accept it by its key, or set the severity of IF211 in the policy.",
    example="""\
# The metadata of a package:
License: see LICENSE.txt

# Cure, in its pyproject.toml:
license = "MIT"

# Or in policy.toml, for all of them:
[severity]
IF211 = "low\"""",
    references=("SPDX 2.3 annex D", "PEP 639", "NTIA minimum elements 2021"),
)


def check(inventory: Inventory, policy: Policy) -> Iterator[Finding]:
    """Find components whose metadata has no licence, or none that is an SPDX expression."""
    for verdict in judged.judge(inventory, policy.licences):
        if verdict.unknown:
            package = verdict.component.package
            yield RULE.finding(
                verdict.message,
                path=package.place,
                layer=package.layer,
                key=package.key,
                severity=Severity.HIGH if verdict.strict else Severity.MEDIUM,
            )
