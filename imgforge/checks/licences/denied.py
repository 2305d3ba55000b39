"""IF210: a package under a licence that the policy does not allow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.checks.finding import Finding, Severity
from imgforge.checks.rule import Rule
from imgforge.inventory import Inventory
from imgforge.licences import judged
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF210",
    Severity.HIGH,
    "A package is under a licence that the policy does not allow",
    why="Whoever ships an image distributes every package in it, on the terms of its licence. Terms"
    " that an organisation cannot keep, such as to publish its own sources, are found out late and"
    " are then dear: the package must be replaced, and the images that went out recalled.",
    remedy="Replace the package, take it under another of its licences, or let a policy accept it "
    "by its key.",
    example="""\
# policy.toml
[licences]
deny = ["AGPL-*", "SSPL-1.0"]

# Accepted for one package, by somebody, until a day:
[[ignore]]
check = "IF210"
key = "pypi:pymupdf"
reason = "a commercial licence was bought"
owner = "legal"
expires = 2030-01-31""",
    references=("SPDX 2.3 annex D", "OpenChain ISO/IEC 5230 3.3.2"),
)


def check(inventory: Inventory, policy: Policy) -> Iterator[Finding]:
    """Judge the SPDX expression of every component."""
    for verdict in judged.judge(inventory, policy.licences):
        if not verdict.unknown:
            package = verdict.component.package
            yield RULE.finding(
                verdict.message, path=package.place, layer=package.layer, key=package.key
            )
