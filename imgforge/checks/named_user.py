"""IF002: the user is a name, or one that does not exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from imgforge.analysis.facts import ImageFacts
from imgforge.checks.finding import Finding, Severity
from imgforge.checks.identity import identity, number
from imgforge.policy import Policy

ID: Final = "IF002"
SEVERITY: Final = Severity.MEDIUM
TITLE: Final = "The user is not a number, or unknown"
REMEDY: Final = "Set the user and group as numbers, such as 65532:65532."
REFERENCES: Final = (
    "https://kubernetes.io/docs/concepts/security/pod-security-standards/ (runAsNonRoot)",
)


def check(image: ImageFacts, policy: Policy) -> Iterator[Finding]:  # noqa: ARG001 - one signature
    """Find names that passwd or group lack (medium), and those that resolve (low)."""
    who = identity(image)
    for what, name, found in (("user", who.user, who.uid), ("group", who.group, who.gid)):
        if not name or number(name) is not None:
            continue
        if found is None:
            message = f"the {what} {name!r} is not in /etc/{'passwd' if what == 'user' else what}"
            yield Finding(ID, SEVERITY, TITLE, message, REMEDY, key=what)
        else:
            message = f"the {what} {name!r} is a name: Kubernetes cannot tell that it is not root"
            yield Finding(ID, Severity.LOW, TITLE, message, REMEDY, key=what)
