"""IF003: the primary group is root's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.identity import identity
from imgforge.policy import Policy

ID: Final = "IF003"
SEVERITY: Final = Severity.LOW
TITLE: Final = "The primary group is root's"
REMEDY: Final = "Name the group too (65532:65532), or give the user an entry in /etc/passwd."
REFERENCES: Final = ("https://docs.docker.com/reference/dockerfile/#user",)


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:
    """Find group 0 of a user who is not root; a uid without a passwd entry gets it unasked."""
    who = identity(image)
    if who.uid != 0 and who.gid == 0 and not policy.allow_root:
        yield Finding(ID, SEVERITY, TITLE, f"user {image.settings.user!r} has group 0", REMEDY)
