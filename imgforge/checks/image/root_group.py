"""IF003: the primary group is root's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.identity import identity
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF003",
    Severity.LOW,
    "The primary group is root's",
    why="Files that belong to root are often readable or writable by root's group, such as logs"
    " and sockets of the system. A process with group 0 reaches them without being root. A"
    " user who has no entry in /etc/passwd gets this group without anybody asking for it.",
    remedy="Name the group too (65532:65532), or give the user an entry in /etc/passwd.",
    example="""\
# Faulty: a number without a passwd entry and without a group.
USER 65532

# Cured: the group is named too.
USER 65532:65532
""",
    references=("https://docs.docker.com/reference/dockerfile/#user",),
)


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:
    """Find group 0 of a user who is not root; a uid without a passwd entry gets it unasked."""
    who = identity(image)
    if who.uid != 0 and who.gid == 0 and not policy.allow_root:
        yield RULE.finding(f"user {image.settings.user!r} has group 0")
