"""IF005: accounts or groups that share a number or a name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.image.identity import groups, users
from imgforge.checks.rule import Rule
from imgforge.policy.bounds import Policy

RULE: Final = Rule(
    "IF005",
    Severity.MEDIUM,
    "Two accounts or groups have the same number or name",
    why="Accounts with one uid own each other's files and may signal each other's processes, so"
    " what looks separated is not. Of two entries with one name some programs take the first and"
    " others the last, and the process may run as somebody whom nobody reviewed.",
    remedy="Give every account and group a number and a name of its own.",
    example="RUN useradd -o -u 1000 worker      # 1000 is taken by app\nRUN useradd -u 1001 worker",
    references=(
        "CIS Distribution Independent Linux 6.2.16 to 6.2.19",
        "Dockle DKL-LI-0002",
    ),
)


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find numbers and names that occur twice in passwd or group; uid 0 belongs to IF004."""
    for what, path, entries in (
        ("account", "etc/passwd", users(image)),
        ("group", "etc/group", groups(image)),
    ):
        owner: dict[int, str] = {}
        names: set[str] = set()
        for entry in entries:
            first = owner.setdefault(entry.uid, entry.name)
            if entry.name in names:
                message = f"the {what} {entry.name!r} is there twice"
                yield RULE.finding(message, path=path, key=f"name:{entry.name}")
            elif first != entry.name and (entry.uid != 0 or what == "group"):
                message = f"the {what}s {first!r} and {entry.name!r} both have number {entry.uid}"
                yield RULE.finding(message, path=path, key=f"{entry.uid}:{entry.name}")
            names.add(entry.name)
