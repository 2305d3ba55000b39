"""Every rule there is. Apart from the checks, since those of Dockerfiles take 50 ms to load."""

from __future__ import annotations

from typing import Final

from imgforge.checks import (
    dockerfile,
    drift,
    image,
    inventory,
    licences,
    stack,
    unused_ignore,
    vulnerabilities,
)
from imgforge.checks.rule import Rule

RULES: Final[tuple[Rule, ...]] = tuple(
    sorted(
        (
            *(check.RULE for check in image.CHECKS),
            *(check.RULE for check in drift.CHECKS),
            *(check.RULE for check in inventory.CHECKS),
            *(check.RULE for check in licences.CHECKS),
            *(check.RULE for check in vulnerabilities.CHECKS),
            *(check.RULE for check in stack.CHECKS),
            unused_ignore.RULE,
            *dockerfile.RULES,
        ),
        key=lambda rule: rule.id,
    )
)
"""By id."""
