"""IF004: an account that is root under another name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.identity import users
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF004",
    Severity.HIGH,
    "Another account has uid 0",
    why="The kernel knows numbers only: every account with uid 0 is root. A second one is a"
    " classic back door, and rules that look for the name root do not see it.",
    remedy="Give the account a uid of its own, or remove it.",
    example="RUN useradd -o -u 0 support        # a second root\nRUN useradd -u 1001 support",
    references=(
        "Dockle DKL-LI-0002",
        "CIS Distribution Independent Linux 6.2.5",
        "NIST SP 800-190 4.1.2",
    ),
)


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find passwd entries with uid 0, in any spelling, that are not called root."""
    for user in users(image):
        if user.uid == 0 and user.name != "root":
            message = f"the account {user.name!r} has uid 0"
            yield RULE.finding(message, path="etc/passwd", key=user.name)
